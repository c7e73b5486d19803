"""Models: functional, sequential, subclassed."""

from triceras.models.functional import Functional
from triceras.models.model import Model
from triceras.models.sequential import Sequential

__all__ = ["Functional", "Model", "Sequential"]

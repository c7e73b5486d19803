"""Models: functional, sequential, subclassed."""

from triceras.models.cloning import clone_model, model_from_json
from triceras.models.functional import Functional
from triceras.models.model import Model
from triceras.models.sequential import Sequential
from triceras.saving import load_model, save_model

__all__ = ["Functional", "Model", "Sequential", "clone_model", "load_model", "model_from_json", "save_model"]

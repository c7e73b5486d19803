"""State: variables, and the scopes that redirect what reading and writing them means."""

from triceras.state.stateless import StatelessScope
from triceras.state.variable import Variable

__all__ = ["StatelessScope", "Variable"]

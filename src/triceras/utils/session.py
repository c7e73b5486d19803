"""The state that a process gathers."""

from __future__ import annotations

import gc

from triceras.core import naming
from triceras.random import seed


def clear_session(free_memory: bool = True) -> None:
    """Forget automatic names and the process's random streams, so that models are made as in a new process.

    Args:
        free_memory: whether to collect garbage too.
    """
    naming.reset()
    seed.forget()
    if free_memory:
        gc.collect()

"""How much a file may unfold to, and who may allow more."""

from __future__ import annotations

from triceras.core.errors import UnsafeFileError

#: What any file may take of memory, in bytes, and how many times its size beyond that. Weights hardly shrink when they are
#: compressed; a file that unfolds further is made to exhaust memory.
FREE_BYTES = 64 * 2**20
EXPANSION = 16


class Budget:
    """The memory that reading one file may take, over all of its parts together.

    Args:
        source: what the file is called.
        size: its size on the disk, in bytes.
        trusted: whether whoever reads it vouches for it, so that there is no limit.

    Example:
        >>> budget = Budget("small.keras", size=1000)
        >>> budget.take(500, "kernel")
        >>> budget.limit
        67124864
    """

    def __init__(self, source: str, size: int, trusted: bool = False) -> None:
        self.source = source
        self.limit = None if trusted else FREE_BYTES + EXPANSION * size
        self._size = size
        self._taken = 0

    def take(self, nbytes: int, what: str) -> None:
        """Count memory that is about to be taken.

        Raises:
            UnsafeFileError: it is more than the file's size warrants.
        """
        self._taken += nbytes
        if self.limit is not None and self._taken > self.limit:
            raise UnsafeFileError(
                f"{self.source}: {what} would bring what is read to {self._taken:,} bytes, from a file of {self._size:,}; "
                f"at most {self.limit:,} are taken. If you trust who made it, pass safe_mode=False."
            )

    def take_drawn(self, name: str, nbytes: int) -> None:
        """Count the memory of a variable that the file has no value for: what ``Blanks`` asks before one is drawn."""
        self.take(nbytes, f"the variable {name!r}, for which it has no value,")

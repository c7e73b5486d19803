"""What ops do with sparse tensors: which take them, and the error of those that don't."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from triceras.backends.sparse import RULES, THROUGH
from triceras.core.errors import SparseError

#: Every op that takes a sparse tensor.
TAKING = frozenset((*RULES, *THROUGH))


def result_is_sparse(name: str, flags: Sequence[bool]) -> bool | None:
    """Whether an op's result is sparse, from whether each of its tensors is; None where it can't take these."""
    rule = RULES.get(name)
    return None if rule is None else rule(flags)


def refusal(name: str, arguments: Sequence[tuple[str, Any]], what: str | None = None) -> SparseError:
    """The error of an op for arguments of which one at least is sparse.

    Args:
        name: the op's name.
        arguments: name and value of those that are sparse.
        what: what it was called inside of the op, where that is what can't take them.
    """
    given = ", ".join(f"{label!r} is {_described(x)}" for label, x in arguments)
    inner = f", since its {what}() doesn't" if what and what != name else ""
    return SparseError(
        f"{name}() doesn't take sparse tensors like these{inner}: {given}. Make it dense, if it fits into memory: "
        f"ops.convert_to_tensor(x, sparse=False). What takes sparse tensors: {', '.join(sorted(TAKING))}."
    )


def _described(x: Any) -> str:
    return f"a sparse {type(x).__name__} of shape {tuple(x.shape)}"

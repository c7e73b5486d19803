"""Regular expressions from files, some of which would keep Python's matcher busy for years."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterator
from re import _constants, _parser  # pyright: ignore[reportAttributeAccessIssue]
from typing import Any

from triceras.core.errors import FileFormatError
from triceras.core.objects import require_trust

#: The longest expression that a file may hold, and the most ways to match a path that may have to be tried.
MAX_LENGTH, MAX_WAYS = 1000, 10**8
_REPEATS = (_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT)


def check_pattern(pattern: str) -> None:
    """Refuse an expression of a file that may take exponential time: a choice inside a repeat.

    Raises:
        FileFormatError: it is none, or too long.
        UnsafeFileError: it has a repeat or alternatives inside a repeat, and a file is being read in safe mode.

    Example:
        >>> check_pattern("encoder/.*kernel")
        >>> check_pattern("(")
        Traceback (most recent call last):
        ...
        triceras.core.errors.FileFormatError: '(' is no regular expression: missing ), unterminated subpattern at position 0
    """
    if len(pattern) > MAX_LENGTH:
        raise FileFormatError(
            f"The regular expression {pattern[:100]!r} … has {len(pattern)} characters, at most {MAX_LENGTH} are read."
        )
    try:
        nested = _choices(pattern) is None
    except (re.error, RecursionError, OverflowError) as error:
        raise FileFormatError(f"{pattern!r} is no regular expression: {error}") from error
    if nested:
        require_trust(
            f"the regular expression {pattern!r}, whose repeat of a repeat or of alternatives may take forever"
        )


def fullmatch(pattern: str, text: str) -> bool:
    """Whether an expression matches a whole path.

    Raises:
        ValueError: too many ways to match would have to be tried.
    """
    _check_ways(pattern, text, _choices(pattern))
    return re.fullmatch(pattern, text) is not None


def search(pattern: str, text: str) -> bool:
    """Whether an expression matches a part of a path.

    Raises:
        ValueError: too many ways to match would have to be tried.
    """
    count = _choices(pattern)
    _check_ways(pattern, text, None if count is None else count + 1)
    return re.search(pattern, text) is not None


def _check_ways(pattern: str, text: str, count: int | None) -> None:
    if count is not None and math.comb(len(text) + count, count) > MAX_WAYS:
        raise ValueError(
            f"The regular expression {pattern!r} has too many repeats and alternatives, {count}, for a path of "
            f"{len(text)} characters. Write it with fewer."
        )


@functools.lru_cache(maxsize=1000)
def _choices(pattern: str) -> int | None:
    """How many repeats and alternatives an expression has; None where some are inside a repeat."""
    found = list(_walk(_parser.parse(pattern), False))
    return None if any(found) else len(found)


def _walk(part: Any, inside: bool) -> Iterator[bool]:
    """For each repeat and alternative, whether it is inside a repeat."""
    if isinstance(part, tuple) and len(part) == 2 and part[0] in (*_REPEATS, _constants.BRANCH):
        operator, arguments = part
        is_repeat = operator in _REPEATS
        yield from [inside] * (arguments[0] != arguments[1] if is_repeat else len(arguments[1]) - 1)
        yield from _walk(arguments, inside or is_repeat)
    elif isinstance(part, tuple | list | _parser.SubPattern):
        for inner in part:
            yield from _walk(inner, inside)

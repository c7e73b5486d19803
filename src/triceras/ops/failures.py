"""What an op says when a call of it failed: one kind of error on every backend, in terms of the op's own arguments."""

from __future__ import annotations

import dis
import functools
import pathlib
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from triceras.backends import registry
from triceras.backends.base import Spec, why
from triceras.core import dtypes
from triceras.core.errors import BackendError, OpError
from triceras.ops import bounds

if TYPE_CHECKING:
    from triceras.ops.dispatch import Op

_F = TypeVar("_F", bound=Callable[..., Any])
_PACKAGE = str(pathlib.Path(__file__).parents[1])
#: Parts of the class names of errors that are about the machine, not about the arguments.
_RESOURCES = ("OutOfMemory", "ResourceExhausted", "MemoryError", "Unavailable", "Internal")
#: What TensorFlow puts around its messages: the function and the node that failed.
_DECORATION = re.compile(r"\{\{.*?\}\} | \[Op:.*")
#: Parameters that name axes of the first tensor.
_AXES = ("axis", "axes", "axis1", "axis2", "source", "offset_axis")


def recovered(
    op: Op, args: tuple[Any, ...], kwargs: dict[str, Any], error: Exception, resolve: Callable[..., Any]
) -> Any:
    """The result of a call that failed since sparse tensors were taken for dense ones; raises what else it failed of."""
    if _hid_sparse(op, args, kwargs):
        return resolve(op, args, kwargs)
    said = explained(op, args, kwargs, error)
    if said is error:
        raise error
    raise said from error


def _hid_sparse(op: Op, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether a call failed since its plan is for dense tensors and one is sparse, which their classes don't tell.

    Looking at every tensor's layout before would cost dense calls a tenth of what dispatching them takes.
    """
    for _, value in op.tensors(args, kwargs):
        for x in value if isinstance(value, list | tuple) else (value,):
            owner = registry.owner_of(x)
            if owner is not None and owner.hides_sparse and owner.is_sparse(x):
                return True
    return False


def explained(op: Op, args: tuple[Any, ...], kwargs: dict[str, Any], error: Exception) -> Exception:
    """The error to raise for a call that failed: the given one where it says enough or isn't about the arguments."""
    if isinstance(error, BackendError | Warning):
        return error
    if isinstance(error, OpError):  # of an op inside, which knows best
        return OpError(f"In {op.name}(): {error}")
    try:
        named = op.signature.bind(*args, **kwargs).arguments
    except TypeError as mismatch:
        return TypeError(f"{op.name}() {mismatch}.")
    on_purpose = _raised_on_purpose(error)
    if on_purpose and (isinstance(error, TypeError) or f"{op.name}()" in str(error)):
        return error
    if not _is_about_arguments(error, list(_tensors(named.values()))):
        return error
    reason = next(said for find in _REASONS if (said := find(op, named, error)))
    return _refusal(op, named, reason)


def _refusal(op: Op, named: dict[str, Any], reason: str) -> OpError:
    received = ", ".join(f"{name}={_short(value)}" for name, value in named.items())
    return OpError(f"{op.name}() can't take these arguments: {reason.rstrip('.')}. Received {received}.")


def within_bounds(call: _F) -> _F:
    """An op that first looks at the positions given as numbers or arrays: some frameworks clamp or skip those out of range.

    Raises:
        OpError: one is out of range.
    """
    op, rule = call.op, bounds.RULES[call.__name__]  # type: ignore[attr-defined]

    @functools.wraps(call)
    def checked(*args: Any, **kwargs: Any) -> Any:
        try:
            said = rule(bounds.static, *args, **kwargs)
        except (TypeError, ValueError, NotImplementedError):  # not what the op takes at all, and it says so itself
            said = None
        if said is None or any(map(registry.is_sparse, (*args, *kwargs.values()))):  # that is said first, by the op
            return call(*args, **kwargs)
        raise _refusal(op, op.signature.bind(*args, **kwargs).arguments, said)

    op.call = checked  # a recorded op is the public function
    return checked  # type: ignore[return-value]


def _is_about_arguments(error: Exception, tensors: list[Any]) -> bool:
    if any(part in type(error).__name__ for part in _RESOURCES):
        return False
    owner = next((o for x in tensors if (o := registry.owner_of(x)) is not None), None) or registry.active()
    return not owner.refuses(error)


def _raised_on_purpose(error: Exception) -> bool:
    """Whether the error comes from a ``raise`` in Python code of this package or its user, so that it says what is wrong.

    The last frame tells: of a framework's own file, or of a line of ours that called compiled code, it isn't.
    """
    if not isinstance(error, ValueError | TypeError):
        return False
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    if last is None:
        return False
    code = last.tb_frame.f_code
    own = "site-packages" not in code.co_filename or code.co_filename.startswith(_PACKAGE)
    return own and dis.opname[code.co_code[last.tb_lasti]] == "RAISE_VARARGS"


def _tensors(values: Iterable[Any]) -> Iterable[Any]:
    for value in values:
        yield from value if isinstance(value, list | tuple) else (value,)


# ---- reasons ---------------------------------------------------------------------------------------------------------


def _text(op: Op, named: dict[str, Any], error: Exception) -> str | None:
    given = [slot.name for slot in op.slots if isinstance(named.get(slot.name), str | bytes)]
    return f"{given[0]} is text, expected a tensor or numbers" if given else None


def _axis_out_of_range(op: Op, named: dict[str, Any], error: Exception) -> str | None:
    first = named.get(op.slots[0].name) if op.slots else None
    if first is not None and op.slots[0].many and isinstance(first, list | tuple) and first:
        first = first[0]
    spec = _spec(first)
    if spec is None:
        return None
    rank = len(spec.shape) + (op.name in ("expand_dims", "stack"))
    for name in _AXES:
        value = named.get(name)
        for axis in value if isinstance(value, list | tuple) else (value,):
            if isinstance(axis, int) and not -rank <= axis < rank:
                return f"{name} lies between {-rank} and {rank - 1} for a tensor of {rank} axes, received {axis}"
    return None


def _position_out_of_range(op: Op, named: dict[str, Any], error: Exception) -> str | None:
    rule = bounds.RULES.get(op.name)
    return None if rule is None else rule(_read, **named)


def _read(x: Any) -> np.ndarray | None:
    """The numbers of a tensor; None while a program is traced, where there are none."""
    owner = registry.owner_of(x)
    if owner is None:
        return bounds.static(x)
    try:
        return bounds.static(owner.to_numpy(x))
    except Exception:  # noqa: BLE001 - each framework refuses in its own way
        return None


def _against_the_rule(op: Op, named: dict[str, Any], error: Exception) -> str | None:
    if op.spec is None:
        return None
    slots = {slot.name: slot for slot in op.slots}
    specs = {
        name: ([_spec(x) for x in value] if slots[name].many else _spec(value)) if name in slots else value
        for name, value in named.items()
    }
    try:
        bound = op.signature.bind_partial()
        bound.arguments.update(specs)
        op.spec(*bound.args, **bound.kwargs)
    except (ValueError, TypeError, IndexError) as said:
        return str(said)
    return None


def _said_by_what_failed(op: Op, named: dict[str, Any], error: Exception) -> str:
    if _raised_on_purpose(error):
        return str(error)
    return _DECORATION.sub("", why(error))


#: What is tried in turn to say why; the last always knows something.
_REASONS: tuple[Callable[..., str | None], ...] = (
    _text,
    _axis_out_of_range,
    _position_out_of_range,
    _against_the_rule,
    _said_by_what_failed,
)


def _spec(x: Any) -> Spec | None:
    if hasattr(x, "shape") and hasattr(x, "dtype"):
        return Spec(tuple(x.shape), dtypes.standardize_dtype(x.dtype))
    if x is None or isinstance(x, str):
        return None
    try:
        array = np.asarray(x)
    except ValueError:
        return None
    return Spec(array.shape, dtypes.standardize_dtype(array.dtype)) if array.dtype.kind in "biufc" else None


def _short(value: Any) -> str:
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        spec = _spec(value)
        return f"{spec.dtype} {spec.shape}" if spec is not None else type(value).__name__
    if isinstance(value, list | tuple) and any(hasattr(x, "shape") for x in value):
        return f"[{', '.join(map(_short, value))}]"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"

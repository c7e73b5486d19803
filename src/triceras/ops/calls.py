"""The call path of an op: which backend its tensors have, what is done to them, and the body that runs.

What a call resolves is remembered by the classes and dtypes of its tensors, so that the next one costs a dictionary
look-up.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from triceras.backends import registry
from triceras.backends.base import Backend
from triceras.core import dtypes, settings
from triceras.core.errors import MixedBackendsError
from triceras.ops.failures import recovered
from triceras.ops.promotion import weak_type

if TYPE_CHECKING:
    from triceras.ops.dispatch import Op

_KEPT = (int, float, complex)
_UNSEEN: Any = object()

#: The class of a symbolic tensor -> the function that records an op called on it. Filled by the graph room.
SYMBOLIC: dict[type, Callable[[Op, tuple, dict], Any]] = {}
#: All that was resolved.
all_plans: list[dict[Any, Any]] = []


def forget_plans() -> None:
    """Resolve every op anew; what a plan rests on (``floatx``, the registered backends) has changed."""
    for plans in all_plans:
        plans.clear()


settings.listeners.append(forget_plans)


def dispatcher(op: Op) -> Callable[..., Any]:
    """The op's call, with a plan for each combination of classes and dtypes of its leading tensors."""
    plans: dict[Any, Callable[..., Any] | None] = {}
    all_plans.append(plans)
    if not op.slots:
        return _slotless_dispatcher(op, plans)
    if any(slot.many for slot in op.slots):
        leads = len(op.slots) == 1 and op.slots[0].position == 0
        return _sequence_dispatcher(op, plans) if leads else _resolver(op)
    makers = {(0,): _unary_dispatcher, (0, 1): _binary_dispatcher}
    return makers.get(tuple(slot.position for slot in op.slots), _general_dispatcher)(op, plans)


def _resolver(op: Op) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return resolve(op, args, kwargs)
        except Exception as error:  # noqa: BLE001 - it is raised again
            return recovered(op, args, kwargs, error, resolve)

    return call


def _slotless_dispatcher(op: Op, plans: dict[Any, Callable[..., Any] | None]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            backend = registry.active()
            body = plans.get(backend)
            if body is None:
                body = plans[backend] = _body(op, backend, None, ())
            return body(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - it is raised again
            return recovered(op, args, kwargs, error, resolve)

    return call


def _unary_dispatcher(op: Op, plans: dict[Any, Callable[..., Any] | None]) -> Callable[..., Any]:
    otherwise = _resolver(op)

    def call(*args: Any, **kwargs: Any) -> Any:
        if not args:
            return otherwise(*args, **kwargs)
        x = args[0]
        key = type(x), getattr(x, "dtype", None)
        plan = plans.get(key, _UNSEEN)
        if plan is _UNSEEN:
            plan = plans[key] = _plan(op, args[:1])
        try:
            return resolve(op, args, kwargs) if plan is None else plan(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - it is raised again
            return recovered(op, args, kwargs, error, resolve)

    return call


def _binary_dispatcher(op: Op, plans: dict[Any, Callable[..., Any] | None]) -> Callable[..., Any]:
    otherwise = _resolver(op)

    def call(*args: Any, **kwargs: Any) -> Any:
        if len(args) < 2:
            return otherwise(*args, **kwargs)
        x1, x2 = args[0], args[1]
        key = type(x1), getattr(x1, "dtype", None), type(x2), getattr(x2, "dtype", None)
        plan = plans.get(key, _UNSEEN)
        if plan is _UNSEEN:
            plan = plans[key] = _plan(op, args[:2])
        try:
            return resolve(op, args, kwargs) if plan is None else plan(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - it is raised again
            return recovered(op, args, kwargs, error, resolve)

    return call


def _general_dispatcher(op: Op, plans: dict[Any, Callable[..., Any] | None]) -> Callable[..., Any]:
    """Tensors anywhere among the arguments, the optional ones given by place, by keyword or not at all."""
    positions = [slot.position for slot in op.slots]
    keywords = frozenset(slot.name for slot in op.slots)

    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            if kwargs and not keywords.isdisjoint(kwargs):
                args, kwargs = op.positional(args, kwargs)
            found = [args[i] for i in positions if i < len(args)]
            key = tuple([(type(x), getattr(x, "dtype", None)) for x in found])
            plan = plans.get(key, _UNSEEN)
            if plan is _UNSEEN:
                plan = plans[key] = _plan(op, found)
            return resolve(op, args, kwargs) if plan is None else plan(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - it is raised again
            return recovered(op, args, kwargs, error, resolve)

    return call


def _sequence_dispatcher(op: Op, plans: dict[Any, Callable[..., Any] | None]) -> Callable[..., Any]:
    otherwise = _resolver(op)

    def call(*args: Any, **kwargs: Any) -> Any:
        if not args or not isinstance(args[0], list | tuple):
            return otherwise(*args, **kwargs)
        key = frozenset([(type(x), getattr(x, "dtype", None)) for x in args[0]])
        plan = plans.get(key, _UNSEEN)
        if plan is _UNSEEN:
            plan = plans[key] = _sequence_plan(op, args[0])
        try:
            return resolve(op, args, kwargs) if plan is None else plan(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - it is raised again
            return recovered(op, args, kwargs, error, resolve)

    return call


def _plan(op: Op, given: Sequence[Any]) -> Callable[..., Any] | None:
    """What to do with tensors of these classes and dtypes in an op's first slots; None where it depends on their values."""
    if any(type(x) in SYMBOLIC for x in given):
        return functools.partial(record, op)
    backend = common_owner(op.name, given)
    if backend is None or any(isinstance(x, (list, tuple, *backend.sparse_types)) for x in given):
        return None
    slots = list(zip(op.slots, given, strict=False))
    target = _target(op, backend, [x for slot, x in slots if slot.promoted and x is not None])
    body = _body(op, backend, target, given)
    steps = [_converter(op, backend, x, target if slot.promoted else None) for slot, x in slots]
    if not any(steps):
        return body
    if [slot.position for slot, _ in slots] == [0]:
        return functools.partial(_run_first, body, steps[0])
    if [slot.position for slot, _ in slots] == [0, 1]:
        return functools.partial(_run_two, body, *(step or _same for step in steps))
    changed = [(slot.position, step) for (slot, _), step in zip(slots, steps, strict=True) if step is not None]
    return functools.partial(_run_changed, body, changed)


def _run_first(body: Any, first: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
    return body(first(x), *args, **kwargs)


def _run_two(body: Any, first: Any, second: Any, x1: Any, x2: Any, *args: Any, **kwargs: Any) -> Any:
    return body(first(x1), second(x2), *args, **kwargs)


def _run_changed(body: Callable[..., Any], changed: list[tuple[int, Any]], *args: Any, **kwargs: Any) -> Any:
    values = list(args)
    for position, step in changed:
        values[position] = step(values[position])
    return body(*values, **kwargs)


def _sequence_plan(op: Op, values: Sequence[Any]) -> Callable[..., Any] | None:
    """The same for an op of one sequence of tensors; only where there is nothing to convert."""
    backend = common_owner(op.name, values)
    if backend is None or any(type(x) in SYMBOLIC for x in values):
        return None
    target = _target(op, backend, values) if op.slots[0].promoted else None
    unready = (list, tuple, *backend.sparse_types)
    if any(isinstance(x, unready) or _converter(op, backend, x, target) is not None for x in values):
        return None
    return _body(op, backend, target, values)


def _body(op: Op, backend: Backend, target: str | None, values: Sequence[Any]) -> Callable[..., Any]:
    """The body for tensors of the promoted dtype, or of their own where nothing is promoted."""
    dtype = target or next((dtypes.standardize_dtype(x.dtype) for x in values if hasattr(x, "dtype")), None)
    return backend.suited(op.name, op.body(backend), dtype)


def _same(x: Any) -> Any:
    return x


def resolve(op: Op, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run an op whatever its arguments are: find the backend, convert, promote, call."""
    if kwargs and any(slot.name in kwargs for slot in op.slots):
        args, kwargs = op.positional(args, kwargs)
    found = op.tensors(args, kwargs)
    given = [x for slot, value in found for x in (value if slot.many else (value,))]
    if any(type(x) in SYMBOLIC for x in given):
        return record(op, *args, **kwargs)
    owner = common_owner(op.name, given)
    backend = owner or registry.active()
    promoted = [x for slot, value in found if slot.promoted for x in (value if slot.many else (value,))]
    promoted = [backend.convert_to_tensor(x) if isinstance(x, list | tuple) else x for x in promoted]
    target = _target(op, backend, promoted)
    some_sparse = any(map(backend.is_sparse, given))
    body = op.sparse_body(backend, found) if some_sparse else _body(op, backend, target, given)
    args, kwargs = list(args), dict(kwargs)  # type: ignore[assignment]
    for slot, value in found:
        dtype = target if slot.promoted else None
        convert = functools.partial(_convert, op, backend, dtype=dtype, keep_numbers=owner is not None)
        values = [convert(x) for x in value] if slot.many else convert(value)
        if slot.position < len(args):
            args[slot.position] = values  # type: ignore[index]
        else:
            kwargs[slot.name] = values
    return body(*args, **kwargs)


def record(op: Op, *args: Any, **kwargs: Any) -> Any:
    """Call an op on symbolic tensors, as their class says."""
    for _, value in op.tensors(args, kwargs):
        for x in value if isinstance(value, list | tuple) else (value,):
            if type(x) in SYMBOLIC:
                return SYMBOLIC[type(x)](op, args, kwargs)
    raise TypeError(f"{op.name}() was given no symbolic tensor.")


def common_owner(name: str, values: Sequence[Any]) -> Backend | None:
    """The backend of a call's tensors; None where none of them has one.

    Raises:
        MixedBackendsError: there are two.
    """
    owner = None
    for x in values:
        other = registry.owner_of(x)
        if other is None or other is owner:
            continue
        if owner is not None:
            raise MixedBackendsError(
                f"{name}() received tensors of two frameworks: {owner.name} and {other.name}. Convert one with "
                f"`with triceras.backend_scope({owner.name!r}): triceras.ops.convert_to_tensor(x)`."
            )
        owner = other
    return owner


def _target(op: Op, backend: Backend, promoted: Sequence[Any]) -> str | None:
    if op.promote is None or not promoted:
        return None
    return backend.canonical(op.promote([weak_type(x) for x in promoted]))


def _converter(
    op: Op, backend: Backend, x: Any, dtype: str | None, keep_numbers: bool = True
) -> Callable[[Any], Any] | None:
    """How to bring a value of this class and dtype to the backend and the promoted dtype; None where it is there.

    Numbers stay numbers beside a tensor where the backend's body takes them; truth values don't, they count as 1.
    """
    if x is None or (keep_numbers and type(x) in _KEPT and dtype is not None and op.name in backend.takes_scalars):
        return None
    own = registry.owner_of(x) is backend
    if own and not isinstance(x, registry.StateHolder):
        if dtype is None or dtypes.standardize_dtype(x.dtype) == dtype:
            return None
        return lambda value: backend.cast(value, dtype)
    if own:
        if dtype is None or x.dtype == dtype:
            return lambda holder: holder.value
        return lambda holder: backend.cast(holder.value, dtype)
    if registry.owner_of(x) is None and (x.dtype if hasattr(x, "dtype") else None) is not None and dtype is None:
        return backend.convert_to_tensor
    return lambda value: backend.convert_to_tensor(value, dtype)


def _convert(op: Op, backend: Backend, x: Any, dtype: str | None, keep_numbers: bool = True) -> Any:
    converter = _converter(op, backend, x, dtype, keep_numbers)
    return x if converter is None else converter(x)

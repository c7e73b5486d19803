"""What an op is, and the decorators that make one; ``calls.py`` has what happens when it is called.

``@primitive`` and ``@composite`` turn a typed signature into a function that finds the backend of its tensors, brings
their dtypes together, and calls the backend's body. Parameters annotated ``TensorLike`` are tensors that take part in type
promotion, ``Index`` ones are tensors that don't (indices, masks), ``Tensors`` is a sequence of them.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from triceras.backends import registry
from triceras.backends.base import Backend
from triceras.core.autograph import left_alone
from triceras.core.errors import OpError, SparseError
from triceras.ops import sparse
from triceras.ops.calls import SYMBOLIC, all_plans, dispatcher
from triceras.ops.promotion import PROMOTIONS, Promotion

TensorLike = Any
Index = Any
Tensors = Sequence[Any]

_F = TypeVar("_F", bound=Callable[..., Any])
_NODES = frozenset((list, tuple, dict))


@dataclasses.dataclass(frozen=True)
class Slot:
    """A parameter that holds a tensor or several."""

    position: int
    name: str
    promoted: bool
    many: bool


@dataclasses.dataclass
class Op:
    """One op: its definition and the rules by which its dtypes and shapes are known."""

    name: str
    function: Callable[..., Any]
    primitive: bool
    promote: Promotion | None
    spec: Callable[..., Any] | None
    out_dtype: str | None
    slots: tuple[Slot, ...]
    signature: inspect.Signature
    #: Whether it is a function over ops, recorded as a whole, and what is evaluated abstractly if it takes functions.
    whole: bool = False
    evaluated: Callable[..., Any] | None = None
    #: Whether a composite is compiled as one where the backend gains by it; its other arguments are hashable then.
    fused: bool = False
    call: Callable[..., Any] = dataclasses.field(init=False, repr=False)

    def __reduce__(self) -> Any:  # there is one of each name
        return _op_of, (self.name,)

    def body(self, backend: Backend) -> Callable[..., Any]:
        """What runs on a backend: its own body, else the composite's definition."""
        own = backend.table.get(self.name)
        if own is None or self.name in backend.declines:
            if own is None and self.primitive:
                raise NotImplementedError(f"The backend {backend.name!r} has no body for the op {self.name!r}.")
            definition = functools.partial(_run_composite, self.function, backend)
            if self.fused:
                definition = self._fused(backend, definition)
            own = definition if own is None else functools.partial(_run_unless_declined, own, definition)
        return backend.guarded(self.name, own)

    def _fused(self, backend: Backend, definition: Callable[..., Any]) -> Callable[..., Any]:
        compiled = _compiled.get((self.name, backend.name))
        if compiled is None:
            static = [name for name in self.signature.parameters if name not in {slot.name for slot in self.slots}]
            compiled = backend.fuse(functools.update_wrapper(definition, self.function), static)
            _compiled[self.name, backend.name] = compiled
        return compiled

    def sparse_body(self, backend: Backend, found: Sequence[tuple[Slot, Any]]) -> Callable[..., Any]:
        """What runs where some of a call's tensors are sparse.

        Raises:
            SparseError: it doesn't take these.
        """
        if self.name in sparse.THROUGH:
            return functools.partial(_run_composite, self.function, backend)
        flags = [backend.is_sparse(x) for slot, value in found for x in (value if slot.many else (value,))]
        if sparse.result_is_sparse(self.name, flags) is None:
            raise sparse.refusal(self.name, _sparse_among(found, backend.is_sparse))
        return backend.sparse_table[self.name]

    def tensors(self, args: tuple, kwargs: dict) -> list[tuple[Slot, Any]]:
        """The tensor arguments of a call, those left out or None aside."""
        found = []
        for slot in self.slots:
            value = args[slot.position] if slot.position < len(args) else kwargs.get(slot.name)
            if value is not None:
                found.append((slot, value))
        return found

    def positional(self, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        """A call's arguments with tensors given by keyword moved to their places, as bodies name them differently."""
        places, rest = list(args), dict(kwargs)
        for name, default in self.defaults[len(args) :]:
            if not rest:
                break
            places.append(rest.pop(name, default))
        if any(x is inspect.Parameter.empty for x in places):
            self.signature.bind(*args, **kwargs)  # it says what is missing
        return tuple(places), rest

    @functools.cached_property
    def defaults(self) -> list[tuple[str, Any]]:
        """The name and the default of each parameter that has a place."""
        return [(p.name, p.default) for p in self.signature.parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]


#: Every op by its name.
OPS: dict[str, Op] = {}


def _op_of(name: str) -> Op:
    return OPS[name]


#: (Op, backend) -> a fused composite, compiled once.
_compiled: dict[tuple[str, str], Callable[..., Any]] = {}
all_plans.append(_compiled)


# ---- decorators ------------------------------------------------------------------------------------------------------


def primitive(
    promote: str | Promotion | None = None, *, spec: Callable[..., Any] | None = None, dtype: str | None = None
) -> Callable[[_F], _F]:
    """An op with a body in every backend's table; the decorated function is its signature and its documentation.

    Args:
        promote: how the dtypes of its tensors come together: a name in ``PROMOTIONS``, a function of the dtypes, or None for
            not at all.
        spec: ``spec(*args, **kwargs)`` with a ``Spec`` in each tensor's place gives the result's; the dtypes are promoted
            already. None: the backend's abstract evaluation says.
        dtype: the result's dtype where it isn't the promoted one.
    """
    return functools.partial(_define, True, promote, spec, dtype)


def composite(
    promote: str | Promotion | None = None,
    *,
    spec: Callable[..., Any] | None = None,
    dtype: str | None = None,
    fused: bool = False,
) -> Callable[[_F], _F]:
    """An op defined over other ops and operators; a backend may bring a faster body of the same name.

    Args:
        promote, spec, dtype: as for ``primitive``.
        fused: whether many small ops stand in it, which a backend may compile as one (``Backend.fuse``). All arguments but its
            tensors are hashable then, and it reads no settings: what it depends on is what it is given.
    """
    return functools.partial(_define, False, promote, spec, dtype, fused=fused)


def _define(
    is_primitive: bool, promote: Any, spec: Any, dtype: str | None, function: Any, *, fused: bool = False
) -> Any:
    rule = PROMOTIONS[promote] if isinstance(promote, str) else promote
    signature = inspect.signature(function)
    op = Op(function.__name__, function, is_primitive, rule, spec, dtype, _slots(signature), signature, fused=fused)
    return _registered(op, dispatcher(op))


def _slots(signature: inspect.Signature) -> tuple[Slot, ...]:
    slots = []
    for position, parameter in enumerate(signature.parameters.values()):
        annotation = str(parameter.annotation)
        kind = annotation.removesuffix(" | None").removesuffix(" = None")
        if kind in ("TensorLike", "Tensors", "Index"):
            slots.append(Slot(position, parameter.name, kind != "Index", kind == "Tensors"))
    return tuple(slots)


def _sparse_among(found: Sequence[tuple[Slot, Any]], is_sparse: Callable[[Any], bool]) -> list[tuple[str, Any]]:
    """Name and value of the tensor arguments that are sparse."""
    return [(slot.name, x) for slot, value in found for x in (value if slot.many else (value,)) if is_sparse(x)]


def _registered(op: Op, call: Callable[..., Any]) -> Callable[..., Any]:
    if op.name in OPS:
        raise ValueError(f"The op {op.name!r} is defined twice.")
    OPS[op.name] = op
    op.call = left_alone(functools.update_wrapper(call, op.function))
    op.call.op = op  # type: ignore[attr-defined]
    return op.call


def recorded(*, takes_functions: bool = False, alike: Callable[..., Any] | None = None) -> Callable[[_F], _F]:
    """A function over ops, whose arguments needn't be tensors in known places: any number of them, structures, functions.

    Nothing is converted or promoted here, the ops inside do that. On symbolic tensors it is recorded as one call with the
    arguments as they were given, not as the calls it makes.

    Args:
        takes_functions: whether arguments are functions, which only tensors can be passed to: its symbolic result is
            evaluated abstractly then, and else by the ops inside.
        alike: for these, a function of the same arguments with results of the same shapes and dtypes, evaluated in its place.
    """
    return functools.partial(_define_recorded, takes_functions, alike)


def _define_recorded(takes_functions: bool, alike: Callable[..., Any] | None, function: Any) -> Any:
    signature = inspect.signature(function)
    evaluated = (alike or function) if takes_functions else None
    op = Op(function.__name__, function, False, None, None, None, _slots(signature), signature, True, evaluated)

    def call(*args: Any, **kwargs: Any) -> Any:
        for x in (*args, *kwargs.values()) if kwargs else args:
            if (type(x) in SYMBOLIC or type(x) in _NODES) and (symbol := _symbol_in(x)) is not None:
                return SYMBOLIC[symbol](op, args, kwargs)
        try:
            return function(*args, **kwargs)
        except (SparseError, OpError) as error:
            refused = error
        raise type(refused)(f"In {op.name}(): {refused}") from refused

    return _registered(op, call)


def _symbol_in(x: Any) -> type | None:
    """The class of a symbolic tensor in a structure, or None."""
    if type(x) not in _NODES:
        return type(x) if type(x) in SYMBOLIC else None
    values = x.values() if isinstance(x, dict) else x
    return next((kind for v in values if (kind := _symbol_in(v)) is not None), None)


def _run_composite(function: Callable[..., Any], backend: Backend, *args: Any, **kwargs: Any) -> Any:
    if registry.active() is backend:
        return function(*args, **kwargs)
    with registry.use(backend):
        return function(*args, **kwargs)


def _run_unless_declined(own: Callable[..., Any], definition: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    result = own(*args, **kwargs)
    return definition(*args, **kwargs) if result is NotImplemented else result

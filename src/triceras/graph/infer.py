"""Shapes and dtypes of results that haven't been computed."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

from triceras import tree
from triceras.backends import registry
from triceras.backends.base import Spec
from triceras.backends.sparse import REDUCING
from triceras.core import dtypes, scopes
from triceras.graph.symbol import KerasTensor
from triceras.ops import dispatch, sparse
from triceras.ops.promotion import weak_type

#: An unknown size is tried as each of these. Both have many divisors, as reshapes want; they lie far apart, so that what
#: is cut off at some size in between comes out as unknown.
STAND_INS = (240, 24)


def op_spec(op: dispatch.Op, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The structure of ``Spec`` that an op returns for these arguments."""
    if op.whole:
        return by_ops_inside(op, args, kwargs) if op.evaluated is None else abstract(op.evaluated, args, kwargs)
    found = op.tensors(args, kwargs)
    flags = [_is_sparse(x) for slot, v in found for x in (v if slot.many else (v,))]
    if any(flags):
        if op.name in sparse.THROUGH:
            return by_ops_inside(op, args, kwargs)
        result = sparse.result_is_sparse(op.name, flags)
        if result is None:
            given = [(slot.name, x) for slot, v in found for x in (v if slot.many else (v,)) if _is_sparse(x)]
            raise sparse.refusal(op.name, given)
        spec = _spec_by_rule(op, args, kwargs, found)
        return spec if op.name in REDUCING else dataclasses.replace(spec, sparse=bool(result))
    if op.spec is None:
        return abstract(op.call, args, kwargs)
    return _spec_by_rule(op, args, kwargs, found)


def _is_sparse(x: Any) -> bool:
    return x.sparse if isinstance(x, KerasTensor) else registry.is_sparse(x)


def _spec_by_rule(op: dispatch.Op, args: tuple[Any, ...], kwargs: dict[str, Any], found: Any) -> Any:
    backend = registry.active()
    promoted = [_like(x) for slot, v in found if slot.promoted for x in (v if slot.many else (v,))]
    target = None
    if op.promote is not None and promoted:
        target = backend.canonical(op.promote([weak_type(x) for x in promoted]))
    args, kwargs = list(args), dict(kwargs)  # type: ignore[assignment]
    for slot, value in found:
        to_spec = functools.partial(_spec, dtype=target if slot.promoted else None)
        specs = [to_spec(x) for x in value] if slot.many else to_spec(value)
        if slot.position < len(args):
            args[slot.position] = specs  # type: ignore[index]
        else:
            kwargs[slot.name] = specs
    return op.spec(*args, **kwargs)  # type: ignore[misc]


def by_ops_inside(op: dispatch.Op, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The structure of ``Spec`` of a function over ops, run on symbolic tensors that keep no history."""

    def forgetful(x: Any) -> Any:
        return KerasTensor(x.shape, x.dtype, sparse=x.sparse, record_history=False) if isinstance(x, KerasTensor) else x

    args, kwargs = tree.map_structure(forgetful, (args, kwargs))
    return tree.map_structure(lambda x: x.spec if isinstance(x, KerasTensor) else x, op.function(*args, **kwargs))


def _like(x: Any) -> Any:
    return registry.active().convert_to_tensor(x) if isinstance(x, list | tuple) else x


def _spec(x: Any, dtype: str | None) -> Spec:
    if isinstance(x, KerasTensor):
        return Spec(x.shape, dtype or x.dtype, x.sparse)
    if not hasattr(x, "shape"):
        x = registry.active().convert_to_tensor(x)
    return Spec(tuple(x.shape), dtype or dtypes.standardize_dtype(x.dtype))


def abstract(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The structure of ``Spec`` of a function's result, by the active backend's abstract evaluation.

    Symbolic tensors anywhere in the arguments become tensors without values; an unknown size is tried with two stand-ins,
    and what differs between the two results is unknown.
    """
    leaves = tree.flatten((args, kwargs))
    symbols = [x for x in leaves if isinstance(x, KerasTensor)]

    def run(*tensors: Any) -> Any:
        given = iter(tensors)
        filled = [next(given) if isinstance(x, KerasTensor) else x for x in leaves]
        a, k = tree.pack_sequence_as((args, kwargs), filled)
        result = function(*a, **k)
        for x in tree.flatten(result):
            if isinstance(x, KerasTensor):
                raise TypeError(
                    f"A function given to an op returned {x!r}, a symbol from outside of it. Pass it what it needs as an "
                    "argument, or put the call into a layer."
                )
        return result

    def evaluate(stand_in: int) -> Any:
        specs = [Spec(tuple(stand_in if d is None else d for d in x.shape), x.dtype, x.sparse) for x in symbols]
        with scopes.SymbolicScope():
            return registry.active().eval_shape(run, specs)

    result = evaluate(STAND_INS[0])
    if all(None not in x.shape for x in symbols):
        return result
    return tree.map_structure(_agree, result, evaluate(STAND_INS[1]))


def _agree(a: Any, b: Any) -> Any:
    if not isinstance(a, Spec):
        return a
    if len(a.shape) != len(b.shape):
        raise ValueError(f"The number of axes of a result depends on an unknown size: {a.shape} against {b.shape}.")
    return Spec(tuple(d if d == e else None for d, e in zip(a.shape, b.shape, strict=True)), a.dtype, a.sparse)


def to_symbols(specs: Any, name: str | None = None, record_history: bool = True) -> Any:
    """The symbolic tensors of a structure of ``Spec``."""
    return tree.map_structure(
        lambda s: (
            KerasTensor(s.shape, s.dtype, sparse=s.sparse, name=name, record_history=record_history)
            if isinstance(s, Spec)
            else s
        ),
        specs,
    )

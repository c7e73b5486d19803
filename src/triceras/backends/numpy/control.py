"""Control flow, in Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from triceras import tree
from triceras.core.errors import UnsupportedError


def _cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    return true_fn() if pred else false_fn()


def _switch(index: Any, branches: list[Callable[..., Any]], *operands: Any) -> Any:
    return branches[min(max(int(index), 0), len(branches) - 1)](*operands)


def _while_loop(cond: Callable[..., Any], body: Callable[..., Any], values: Any, limit: int | None) -> Any:
    done = 0
    while (limit is None or done < limit) and cond(*values):
        values = body(*values)
        done += 1
    return values


def _fori_loop(lower: Any, upper: Any, body: Callable[[Any, Any], Any], value: Any) -> Any:
    for i in range(int(lower), int(upper)):
        value = body(np.int32(i), value)
    return value


def _scan(f: Callable[[Any, Any], Any], carry: Any, xs: Any, length: int, reverse: bool, unroll: Any) -> Any:
    outputs: list[Any] = [None] * length
    for i in reversed(range(length)) if reverse else range(length):
        x = tree.map_structure(lambda v, i=i: None if v is None else np.asarray(v[i]), xs)
        carry, outputs[i] = f(carry, x)
    return carry, tree.map_structure(lambda *ys: None if ys[0] is None else np.stack(ys), *outputs)


def _vectorized_map(function: Callable[[Any], Any], elements: Any) -> Any:
    count = len(tree.flatten(elements)[0])
    results = [function(tree.map_structure(lambda v, i=i: np.asarray(v[i]), elements)) for i in range(count)]
    return tree.map_structure(lambda *ys: np.stack(ys), *results)


def _custom_gradient(f: Callable[..., Any], plain: Callable[..., Any] | None = None) -> Callable[..., Any]:
    return plain or (lambda *args, **kwargs: f(*args, **kwargs)[0])


def _jvp(fun: Callable[..., Any], primals: Any, tangents: Any, has_aux: bool = False) -> Any:
    raise UnsupportedError("jvp() differentiates, which the numpy backend doesn't; use jax, torch or tensorflow.")


TABLE = {
    "cond": _cond,
    "switch": _switch,
    "while_loop": _while_loop,
    "fori_loop": _fori_loop,
    "scan": _scan,
    "vectorized_map": _vectorized_map,
    "custom_gradient": _custom_gradient,
    "jvp": _jvp,
}

"""Control flow, in JAX: its own structured loops."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from triceras.backends.jax.varying import varying_alike


def _while_loop(cond: Callable[..., Any], body: Callable[..., Any], values: Any, limit: int | None) -> Any:
    if limit is None:
        return jax.lax.while_loop(lambda v: cond(*v), lambda v: body(*v), values)
    start = (jnp.zeros((), jnp.int32), values)
    return jax.lax.while_loop(
        lambda state: (state[0] < limit) & cond(*state[1]), lambda state: (state[0] + 1, body(*state[1])), start
    )[1]


def _cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    return jax.lax.cond(jnp.asarray(pred, bool), true_fn, false_fn)


def _scan(f: Callable[[Any, Any], Any], init: Any, xs: Any, length: int, reverse: bool, unroll: Any) -> Any:
    count = length if isinstance(length, int) else None  # a symbol is the rows' to say
    return jax.lax.scan(f, varying_alike(init, xs), xs, count, reverse, unroll)


def _custom_gradient(f: Callable[..., Any], plain: Callable[..., Any] | None = None) -> Callable[..., Any]:
    def body(*args: Any, **kwargs: Any) -> Any:
        args = varying_alike(args)

        @jax.custom_gradient
        def function(*inner: Any) -> Any:
            value, grad = f(*inner, **kwargs)
            several = isinstance(value, list | tuple)
            return value, lambda upstream: _as_many(grad(*upstream) if several else grad(upstream), len(inner))

        if plain is None:
            return function(*args)
        undifferentiated = jax.custom_vjp(functools.partial(plain, **kwargs))
        undifferentiated.defvjp(lambda *inner: jax.vjp(function, *inner), lambda pull, upstream: pull(upstream))
        return undifferentiated(*args)

    return body


def _as_many(gradients: Any, count: int) -> Any:
    """JAX wants one gradient alone for one argument, else a tuple."""
    gradients = tuple(gradients) if isinstance(gradients, list | tuple) else (gradients,)
    return gradients[0] if count == 1 else gradients


def _jvp(fun: Callable[..., Any], primals: Any, tangents: Any, has_aux: bool = False) -> Any:
    try:
        return jax.jvp(fun, primals, tangents, has_aux)
    except (TypeError, ValueError) as error:  # the latter where an op of ours says it
        if "custom_vjp" not in str(error):
            raise
    # What brings its gradient has no forward derivative: the gradient's own gradient at zero is one.
    value, pullback, *aux = jax.vjp(fun, *primals, has_aux=has_aux)
    start = jax.tree.map(jnp.zeros_like, value)
    return value, jax.vjp(pullback, start)[1](tangents)[0], *aux


TABLE = {
    "cond": _cond,
    "switch": lambda index, branches, *operands: jax.lax.switch(index, branches, *operands),
    "while_loop": _while_loop,
    "fori_loop": jax.lax.fori_loop,
    "scan": _scan,
    "vectorized_map": lambda function, elements: jax.vmap(function)(elements),
    "custom_gradient": _custom_gradient,
    "jvp": _jvp,
}

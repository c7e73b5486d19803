"""Control flow, in TensorFlow: its own structured loops, which run eagerly as well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf
from tensorflow.python.eager import record  # nothing public tells whether a tape is listening (TensorFlow 2.21)

from triceras.core import scopes


def _cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    return tf.cond(tf.cast(pred, tf.bool), true_fn, false_fn)


def _switch(index: Any, branches: list[Callable[..., Any]], *operands: Any) -> Any:
    index = tf.clip_by_value(tf.cast(index, tf.int32), 0, len(branches) - 1)
    return tf.switch_case(index, [lambda branch=branch: branch(*operands) for branch in branches])


def _while_loop(cond: Callable[..., Any], body: Callable[..., Any], values: Any, limit: int | None) -> Any:
    return tf.while_loop(cond, body, values, maximum_iterations=limit)


def _fori_loop(lower: Any, upper: Any, body: Callable[[Any, Any], Any], value: Any) -> Any:
    upper = tf.cast(upper, tf.int32)
    start = (tf.cast(lower, tf.int32), value)
    return tf.while_loop(lambda i, _: i < upper, lambda i, v: (i + 1, body(i, v)), start)[1]


def _scan(f: Callable[[Any, Any], Any], init: Any, xs: Any, length: int, reverse: bool, unroll: Any) -> Any:
    """A ``while_loop`` over arrays of tensors."""
    flat = [] if xs is None else tf.nest.flatten(xs)
    if length is None:  # a size that the trace doesn't know
        length = tf.shape(flat[0])[0]
    if scopes.portable.get() == "litert":
        return _scan_by_rows(f, init, xs, length, reverse)
    rows = [tf.TensorArray(x.dtype, length, element_shape=x.shape[1:]).unstack(x) for x in flat]

    def element(i: Any) -> Any:
        return None if xs is None else tf.nest.pack_sequence_as(xs, [row.read(i) for row in rows])

    if isinstance(length, int) and length == 0:
        raise ValueError("scan() over no elements can't tell the shape of its outputs.")
    order = tf.range(length - 1, -1, -1) if reverse else tf.range(length)
    # The first step runs outside of the loop, which needs to know what the outputs are.
    first = length - 1 if reverse else 0
    carry, y = f(init, element(first))
    outputs = [tf.TensorArray(v.dtype, length, element_shape=v.shape).write(first, v) for v in tf.nest.flatten(y)]

    def step(k: Any, carry: Any, outputs: Any) -> Any:
        carry, y = f(carry, element(order[k]))
        return k + 1, carry, [a.write(order[k], v) for a, v in zip(outputs, tf.nest.flatten(y), strict=True)]

    _, carry, outputs = tf.while_loop(
        lambda k, *_: k < length, step, (tf.constant(1), carry, outputs), maximum_iterations=length - 1
    )
    stacked = [a.stack() for a in outputs]
    return carry, tf.nest.pack_sequence_as(y, stacked)


def _scan_by_rows(f: Callable[[Any, Any], Any], init: Any, xs: Any, length: Any, reverse: bool) -> Any:
    """The same by rows of plain tensors, for LiteRT, whose arrays of tensors need shapes that are known."""

    def element(i: Any) -> Any:
        return None if xs is None else tf.nest.map_structure(lambda x: tf.gather(x, i), xs)

    def place(k: Any) -> Any:
        return length - 1 - k if reverse else k

    def put(rows: Any, k: Any, y: Any) -> Any:
        pairs = zip(rows, tf.nest.flatten(y), strict=True)
        return [tf.tensor_scatter_nd_update(all_rows, [[place(k)]], row[None]) for all_rows, row in pairs]

    first = tf.constant(0)
    carry, y = f(init, element(place(first)))
    flat = tf.nest.flatten(y)
    rows = put([tf.zeros(tf.concat([[length], tf.shape(v)], 0), v.dtype) for v in flat], first, y)
    shapes = (
        first.shape,
        tf.nest.map_structure(lambda v: v.shape, carry),
        [tf.TensorShape([None, *v.shape]) for v in flat],
    )

    def step(k: Any, carry: Any, rows: Any) -> Any:
        carry, y = f(carry, element(place(k)))
        return k + 1, carry, put(rows, k, y)

    start = (tf.constant(1), carry, rows)
    _, carry, rows = tf.while_loop(lambda k, *_: k < length, step, start, shape_invariants=shapes)
    return carry, tf.nest.pack_sequence_as(y, rows)


def _custom_gradient(f: Callable[..., Any], plain: Callable[..., Any] | None = None) -> Callable[..., Any]:
    differentiated = tf.custom_gradient(f)
    if plain is None:
        return differentiated
    # A function that is traced where no tape listens may be differentiated later: automatically, to the same numbers.
    return lambda *args, **kwargs: (differentiated if record.could_possibly_record() else plain)(*args, **kwargs)


def _jvp(fun: Callable[..., Any], primals: Any, tangents: Any, has_aux: bool = False) -> Any:
    """Backwards twice: the gradient is linear in what it starts from, and its gradient there is the derivative.

    A ``ForwardAccumulator`` would do with one pass, but can't go through loops.
    """
    inputs, zero = tf.nest.flatten(primals), tf.UnconnectedGradients.ZERO
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            inner.watch(inputs)
            result = fun(*primals)
        value, *aux = result if has_aux else (result,)
        outputs = [tf.convert_to_tensor(y) for y in tf.nest.flatten(value)]
        starts = [tf.zeros_like(y) for y in outputs]
        outer.watch(starts)
        gradients = inner.gradient(outputs, inputs, starts, unconnected_gradients=zero)
    derivatives = outer.gradient(gradients, starts, tf.nest.flatten(tangents), unconnected_gradients=zero)
    return value, tf.nest.pack_sequence_as(value, derivatives), *aux


TABLE = {
    "cond": _cond,
    "switch": _switch,
    "while_loop": _while_loop,
    "fori_loop": _fori_loop,
    "scan": _scan,
    "vectorized_map": lambda function, elements: tf.vectorized_map(function, elements),
    "custom_gradient": _custom_gradient,
    "jvp": _jvp,
}

"""Recurrences over time: a general one, and those of the LSTM, the GRU and the simple recurrent network.

Time is the first axis here. The three named ones carry their own gradients: a reverse loop that leaves the weights'
gradients to one product behind it, where automatic differentiation would add one to them at each step. They stay internal;
layers use them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from triceras import tree
from triceras.backends.base import Tensor
from triceras.ops.activation import sigmoid
from triceras.ops.control import custom_gradient, scan, with_gradient
from triceras.ops.core import cast
from triceras.ops.core import dtype as dtype_of
from triceras.ops.creation import zeros_like
from triceras.ops.dispatch import TensorLike, composite
from triceras.ops.logic import where
from triceras.ops.products import matmul
from triceras.ops.reduce import sum as total
from triceras.ops.shape import concatenate, expand_dims, reshape, split, stack, swapaxes
from triceras.ops.transcendental import tanh

Step = Callable[[Tensor, Any], tuple[Tensor, Any]]


def recurrence(
    step: Step,
    sequence: Any,
    states: Any,
    mask: Any = None,
    first_output: Any = None,
    unroll: bool = False,
) -> tuple[Tensor, Any]:
    """``output, states = step(x, states)`` for each element of the first axis.

    Args:
        step: takes an element and the states, returns an output and the next states in the same structure.
        sequence: a tensor ``(time, batch, ...)`` or a structure of them.
        states: the first states, a structure of tensors ``(batch, ...)``.
        mask: booleans ``(time, batch)``; where False the states stay and the output is the one before.
        first_output: with a mask, the output before the first one; None makes masked outputs zero instead.
        unroll: whether the steps are written out one after the other rather than as a loop.

    Returns:
        The outputs ``(time, batch, ...)`` and the last states.
    """
    kinds = [dtype_of(s) for s in tree.flatten(states)]

    def run(x: Any, old: Any) -> tuple[Tensor, Any]:
        output, new = step(x, old)
        # Loops that are compiled want the same structure and dtypes back.
        return output, tree.pack_sequence_as(
            old, [cast(s, kind) for s, kind in zip(tree.flatten(new), kinds, strict=True)]
        )

    def plain(old: Any, x: Any) -> tuple[Any, Tensor]:
        output, new = run(x, old)
        return new, output

    def masked(carry: Any, element: Any) -> tuple[Any, Tensor]:
        old, previous = carry
        x, keep = element
        output, new = run(x, old)
        output = _keep(keep, output, output * 0 if first_output is None else previous)
        new = tree.map_structure(lambda a, b: _keep(keep, a, b), new, old)
        return (new, previous if first_output is None else output), output

    loop = _unrolled if unroll else scan
    if mask is None:
        states, outputs = loop(plain, states, sequence)
    else:
        (states, _), outputs = loop(masked, (states, () if first_output is None else first_output), (sequence, mask))
    return outputs, states


def _keep(mask: Tensor, new: Tensor, old: Tensor) -> Tensor:
    """The new values where the mask is True, the old ones elsewhere."""
    while len(mask.shape) < len(new.shape):
        mask = expand_dims(mask, -1)
    return where(mask, new, old)


def _unrolled(function: Any, carry: Any, elements: Any) -> tuple[Any, Tensor]:
    outputs = []
    for i in range(tree.flatten(elements)[0].shape[0]):
        carry, output = function(carry, tree.map_structure(lambda x, i=i: x[i], elements))
        outputs.append(output)
    return carry, stack(outputs)


def _shifted(first: Tensor, sequence: Tensor) -> Tensor:
    """A sequence one step later: what came before each element."""
    return concatenate([expand_dims(first, 0), sequence[:-1]], 0)


def _weight_gradient(before: Tensor, gradient: Tensor) -> Tensor:
    """The sum over time and batch of the outer products."""
    rows = [reshape(x, (-1, x.shape[-1])) for x in (before, gradient)]
    return matmul(swapaxes(rows[0], 0, 1), rows[1])


# ---- LSTM ------------------------------------------------------------------------------------------------------------


@composite("join")
def lstm(
    x: TensorLike,
    h: TensorLike,
    c: TensorLike,
    kernel: TensorLike,
    recurrent_kernel: TensorLike,
    bias: TensorLike | None = None,
) -> tuple[Tensor, Tensor]:
    """Hochreiter & Schmidhuber's long short-term memory (1997), with forget gates (Gers et al., 2000).

    ``i, f, g, o`` are the parts of ``x @ kernel + h @ recurrent_kernel + bias``, all through a sigmoid but g through tanh;
    ``c = f * c + i * g`` and ``h = o * tanh(c)``.

    Args:
        x: ``(time, batch, features)``.
        h, c: the first states, ``(batch, units)``.
        kernel: ``(features, 4 * units)``.
        recurrent_kernel: ``(units, 4 * units)``.
        bias: ``(4 * units,)``, or None.

    Returns:
        All h, ``(time, batch, units)``, and the last c.
    """
    return _lstm(x, h, c, kernel, recurrent_kernel, zeros_like(kernel[0]) if bias is None else bias)


def _lstm_steps(x: Tensor, h: Tensor, c: Tensor, w: Tensor, u: Tensor, bias: Tensor, gates: bool) -> Any:
    """The last c, all h and, where gradients are wanted, all c and all of each gate."""

    def step(carry: Any, x: Tensor) -> Any:
        h, c = carry
        i, f, g, o = split(matmul(x, w) + matmul(h, u) + bias, 4, -1)
        i, f, g, o = sigmoid(i), sigmoid(f), tanh(g), sigmoid(o)
        c = f * c + i * g
        h = o * tanh(c)
        return (h, c), (h, c, i, f, g, o) if gates else (h,)

    (_, c), found = scan(step, (h, c), x)
    return c, *found


def _lstm_alone(*args: Tensor) -> tuple[Tensor, Tensor]:
    c, hs = _lstm_steps(*args, gates=False)
    return hs, c


@with_gradient(_lstm_alone)
def _lstm(x: Tensor, h: Tensor, c: Tensor, w: Tensor, u: Tensor, bias: Tensor) -> Any:
    c_last, hs, cs, *gates = _lstm_steps(x, h, c, w, u, bias, gates=True)

    def gradient(d_hs: Tensor, d_c: Tensor) -> Any:
        back = swapaxes(u, 0, 1)

        # Slopes are taken in the loop, where what they come from and what they multiply lie in the cache.
        def backward(carry: Any, xs: Any) -> Any:
            d_h, d_c = carry
            up, c, before, i, f, g, o = xs
            t = tanh(c)
            d_h = d_h + up
            d_c = d_c + d_h * (o - o * t * t)
            d_i, d_f, d_g = d_c * (g * (i - i * i)), d_c * (before * (f - f * f)), d_c * (i - i * g * g)
            d_z = concatenate([d_i, d_f, d_g, d_h * (t * (o - o * o))], -1)
            return (matmul(d_z, back), d_c * f), d_z

        (d_h, d_c0), d_z = scan(backward, (h * 0, d_c), (d_hs, cs, _shifted(c, cs), *gates), reverse=True)
        d_w, d_u = _weight_gradient(x, d_z), _weight_gradient(_shifted(h, hs), d_z)
        return matmul(d_z, swapaxes(w, 0, 1)), d_h, d_c0, d_w, d_u, total(d_z, (0, 1))

    return (hs, c_last), gradient


# ---- GRU -------------------------------------------------------------------------------------------------------------


@composite("join")
def gru(
    x: TensorLike,
    h: TensorLike,
    kernel: TensorLike,
    recurrent_kernel: TensorLike,
    bias: TensorLike,
    recurrent_bias: TensorLike,
) -> Tensor:
    """Cho et al.'s gated recurrent unit (2014), with the reset gate behind the product, as cuDNN computes it.

    ``z, r`` are the sigmoids of the first two parts of ``x @ kernel + bias`` and ``h @ recurrent_kernel + recurrent_bias``
    added; with the third parts a and b, ``n = tanh(a + r * b)`` and ``h = z * h + (1 - z) * n``.

    Args:
        x: ``(time, batch, features)``.
        h: the first state, ``(batch, units)``.
        kernel: ``(features, 3 * units)``.
        recurrent_kernel: ``(units, 3 * units)``.
        bias, recurrent_bias: ``(3 * units,)``.

    Returns:
        All h, ``(time, batch, units)``.
    """
    return _gru(x, h, kernel, recurrent_kernel, bias, recurrent_bias)


def _gru_steps(x: Tensor, h: Tensor, w: Tensor, u: Tensor, bias: Tensor, recurrent_bias: Tensor, gates: bool) -> Any:
    """All h and, where gradients are wanted, all of each gate and of the third part of the recurrent product."""

    def step(h: Tensor, x: Tensor) -> Any:
        x_z, x_r, x_n = split(matmul(x, w) + bias, 3, -1)
        h_z, h_r, b = split(matmul(h, u) + recurrent_bias, 3, -1)
        z, r = sigmoid(x_z + h_z), sigmoid(x_r + h_r)
        n = tanh(x_n + r * b)
        h = n + z * (h - n)
        return h, (h, z, r, n, b) if gates else (h,)

    return scan(step, h, x)[1]


@with_gradient(lambda *args: _gru_steps(*args, gates=False)[0])
def _gru(x: Tensor, h: Tensor, w: Tensor, u: Tensor, bias: Tensor, recurrent_bias: Tensor) -> Any:
    hs, *gates = _gru_steps(x, h, w, u, bias, recurrent_bias, gates=True)

    def gradient(d_hs: Tensor) -> Any:
        before, back = _shifted(h, hs), swapaxes(u, 0, 1)

        def backward(d_h: Tensor, xs: Any) -> Any:
            up, old, z, r, n, b = xs
            d_h = d_h + up
            d_n = d_h * ((1 - z) * (1 - n * n))
            d_z, d_r = d_h * ((old - n) * (z - z * z)), d_n * (b * (r - r * r))
            d_u = concatenate([d_z, d_r, d_n * r], -1)
            return d_h * z + matmul(d_u, back), (concatenate([d_z, d_r, d_n], -1), d_u)

        d_h, (d_x, d_u) = scan(backward, h * 0, (d_hs, before, *gates), reverse=True)
        weights = _weight_gradient(x, d_x), _weight_gradient(before, d_u)
        return matmul(d_x, swapaxes(w, 0, 1)), d_h, *weights, total(d_x, (0, 1)), total(d_u, (0, 1))

    return hs, gradient


# ---- simple ----------------------------------------------------------------------------------------------------------


@composite("join")
def simple_rnn(
    x: TensorLike, h: TensorLike, kernel: TensorLike, recurrent_kernel: TensorLike, bias: TensorLike | None = None
) -> Tensor:
    """``h = tanh(x @ kernel + h @ recurrent_kernel + bias)`` (Elman, 1990).

    Args:
        x: ``(time, batch, features)``.
        h: the first state, ``(batch, units)``.
        kernel: ``(features, units)``.
        recurrent_kernel: ``(units, units)``.
        bias: ``(units,)``, or None.

    Returns:
        All h, ``(time, batch, units)``.
    """
    z = matmul(x, kernel)
    return _simple_rnn(z if bias is None else z + bias, h, recurrent_kernel)


@custom_gradient
def _simple_rnn(z: Tensor, h: Tensor, u: Tensor) -> Any:
    def forward(h: Tensor, z: Tensor) -> Any:
        h = tanh(z + matmul(h, u))
        return h, h

    _, hs = scan(forward, h, z)

    def gradient(d_hs: Tensor) -> Any:
        def backward(d_h: Tensor, xs: Any) -> Any:
            up, h = xs
            d_h = d_h + up
            d_z = d_h - d_h * h * h
            return matmul(d_z, swapaxes(u, 0, 1)), d_z

        d_h, d_z = scan(backward, h * 0, (d_hs, hs), reverse=True)
        return d_z, d_h, _weight_gradient(_shifted(h, hs), d_z)

    return hs, gradient

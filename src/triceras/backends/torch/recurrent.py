"""Recurrences in torch: its own functions for the LSTM and the GRU eagerly and, by cuDNN, on CUDA devices.

Where a step is captured on a CPU each is one opaque op with a gradient of its own, one node of the graph: oneDNN's for the
LSTM of float32, else a loop over kernels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from triceras.backends.torch.immediate import immediate

#: torch's numbers of the kinds of cells.
_LSTM = 2
aten = torch.ops.aten

#: Ops are defined in it by hand: those of ``torch.library.custom_op`` load torch's compiler, which takes seconds, when they
#: first run.
_LIBRARY = torch.library.Library("triceras", "FRAGMENT")
_KEY = "CompositeExplicitAutograd"  # one body for every device, called below autograd


def _op(
    schema: str,
    forward: Callable[..., Any],
    shapes: Callable[..., Any],
    backward: Callable[..., list[Tensor]],
    followed: tuple[int, ...],
) -> Any:
    """Make two functions an op and its gradient: two nodes in a captured graph, whatever they do inside.

    Args:
        schema: its name, arguments and results.
        forward: the op itself. It returns new tensors, of which the last ones may be for the gradient alone.
        shapes: the op for tensors without values.
        backward: takes the lists of the gradients, of the arguments and of the results, returns the arguments' gradients.
        followed: which results have gradients.
    """
    name = schema.partition("(")[0]
    _LIBRARY.define(schema)
    _LIBRARY.impl(name, forward, _KEY)
    torch.library.register_fake(f"triceras::{name}", shapes, lib=_LIBRARY)
    _LIBRARY.define(f"{name}_gradient(Tensor[] gradients, Tensor[] inputs, Tensor[] outputs) -> Tensor[]")
    _LIBRARY.impl(f"{name}_gradient", backward, _KEY)
    torch.library.register_fake(
        f"triceras::{name}_gradient", lambda _, inputs, __: list(map(torch.empty_like, inputs)), lib=_LIBRARY
    )
    gradient = getattr(torch.ops.triceras, f"{name}_gradient").default

    def setup(ctx: Any, inputs: tuple[Tensor, ...], output: Any) -> None:
        ctx.count = len(inputs)
        ctx.save_for_backward(*inputs, *(output if isinstance(output, tuple) else (output,)))

    def run_backward(ctx: Any, *upstream: Any) -> tuple[Tensor, ...]:
        inputs, outputs = list(ctx.saved_tensors[: ctx.count]), list(ctx.saved_tensors[ctx.count :])
        given = [torch.zeros_like(outputs[i]) if upstream[i] is None else upstream[i].contiguous() for i in followed]
        return tuple(gradient(given, inputs, outputs))

    torch.library.register_autograd(f"triceras::{name}", run_backward, setup_context=setup, lib=_LIBRARY)
    return getattr(torch.ops.triceras, name).default


# ---- the LSTM by oneDNN ----------------------------------------------------------------------------------------------


def _onednn_forward(x: Tensor, h: Tensor, c: Tensor, w: Tensor, u: Tensor, b: Tensor) -> tuple[Tensor, ...]:
    # oneDNN makes the workspace that its gradient needs where gradients are recorded, which they never are in here.
    with torch.enable_grad():
        y, h, c, workspace = aten.mkldnn_rnn_layer(
            x, w, u, b, torch.zeros_like(b), h, c, False, [], _LSTM, h.shape[1], 1, True, False, False, True
        )
    return y.detach(), h.detach(), c.detach(), workspace.detach()


def _onednn_shapes(x: Tensor, h: Tensor, c: Tensor, w: Tensor, u: Tensor, b: Tensor) -> tuple[Tensor, ...]:
    y = x.new_empty(*x.shape[:2], h.shape[1])
    return y, torch.empty_like(h), torch.empty_like(c), x.new_empty(0, dtype=torch.uint8)


def _onednn_backward(gradients: list[Tensor], inputs: list[Tensor], outputs: list[Tensor]) -> list[Tensor]:
    x, h, c, w, u, b = inputs
    y, h_last, c_last, workspace = outputs
    d_y, d_c = gradients
    found = aten.mkldnn_rnn_layer_backward(
        x, w, u, b, torch.zeros_like(b), h, c, y, h_last, c_last, d_y, torch.zeros_like(h_last), d_c,
        False, _LSTM, h.shape[1], 1, True, True, False, [], False, workspace,
    )  # fmt: skip
    d_x, d_w, d_u, d_b, _, d_h, d_c0 = found
    return [g.clone() if g._is_view() else g for g in (d_x, d_h, d_c0, d_w, d_u, d_b)]


_onednn = _op(
    "lstm(Tensor x, Tensor h, Tensor c, Tensor w, Tensor u, Tensor b) -> (Tensor, Tensor, Tensor, Tensor)",
    _onednn_forward,
    _onednn_shapes,
    _onednn_backward,
    followed=(0, 2),
)


# ---- loops -----------------------------------------------------------------------------------------------------------


def _weight_gradient(first: Tensor, sequence: Tensor, gradient: Tensor) -> Tensor:
    """The sum over time and batch of the outer products of the states before each step and its gradient."""
    before = torch.cat([first[None], sequence[:-1]]).flatten(0, 1)
    return before.t() @ gradient.flatten(0, 1)


def _lstm_forward(z: Tensor, h: Tensor, c: Tensor, u: Tensor) -> tuple[Tensor, ...]:
    units = h.shape[1]
    gates, hs, cs = torch.empty_like(z), z.new_empty(*z.shape[:2], units), z.new_empty(*z.shape[:2], units)
    for step in range(z.shape[0]):
        row = torch.addmm(z[step], h, u, out=gates[step]) if z.dtype == u.dtype else gates[step].copy_(z[step] + h @ u)
        row[:, : 2 * units].sigmoid_()
        row[:, 2 * units : 3 * units].tanh_()
        row[:, 3 * units :].sigmoid_()
        i, f, g, o = row.split(units, 1)
        c = torch.addcmul(f * c, i, g, out=cs[step])
        h = torch.mul(o, c.tanh(), out=hs[step])
    return hs, c.clone(), cs, gates


def _lstm_shapes(z: Tensor, h: Tensor, c: Tensor, u: Tensor) -> tuple[Tensor, ...]:
    shape = (*z.shape[:2], h.shape[1])
    return z.new_empty(shape), torch.empty_like(c), z.new_empty(shape), torch.empty_like(z)


def _lstm_backward(gradients: list[Tensor], inputs: list[Tensor], outputs: list[Tensor]) -> list[Tensor]:
    d_hs, d_c = gradients
    _, h, c0, u = inputs
    hs, _, cs, gates = outputs
    units, back = h.shape[1], u.t()
    d_z, d_h = torch.empty_like(gates), torch.zeros_like(h)
    for step in reversed(range(hs.shape[0])):
        i, f, g, o = gates[step].split(units, 1)
        t = cs[step].tanh()
        d_h = d_h + d_hs[step]
        d_c = d_c + aten.tanh_backward(d_h * o, t)
        row = d_z[step]
        row[:, :units] = aten.sigmoid_backward(d_c * g, i)
        row[:, units : 2 * units] = aten.sigmoid_backward(d_c * (cs[step - 1] if step else c0), f)
        row[:, 2 * units : 3 * units] = aten.tanh_backward(d_c * i, g)
        row[:, 3 * units :] = aten.sigmoid_backward(d_h * t, o)
        d_h, d_c = row @ back, d_c * f
    return [d_z, d_h, d_c, _weight_gradient(h, hs, d_z)]


_lstm_loop = _op(
    "lstm_loop(Tensor z, Tensor h, Tensor c, Tensor u) -> (Tensor, Tensor, Tensor, Tensor)",
    _lstm_forward,
    _lstm_shapes,
    _lstm_backward,
    followed=(0, 1),
)


def _gru_forward(x: Tensor, h: Tensor, u: Tensor, bias: Tensor) -> tuple[Tensor, ...]:
    units = h.shape[1]
    hs, gates, recurrent = x.new_empty(*x.shape[:2], units), torch.empty_like(x), x.new_empty(*x.shape[:2], units)
    for step in range(x.shape[0]):
        product = torch.addmm(bias, h, u)
        row = gates[step]
        torch.add(x[step][:, : 2 * units], product[:, : 2 * units], out=row[:, : 2 * units]).sigmoid_()
        z, r, n = row.split(units, 1)
        recurrent[step] = product[:, 2 * units :]
        torch.addcmul(x[step][:, 2 * units :], r, recurrent[step], out=n).tanh_()
        h = torch.lerp(n, h, z, out=hs[step])
    return hs, gates, recurrent


def _gru_shapes(x: Tensor, h: Tensor, u: Tensor, bias: Tensor) -> tuple[Tensor, ...]:
    shape = (*x.shape[:2], h.shape[1])
    return x.new_empty(shape), torch.empty_like(x), x.new_empty(shape)


def _gru_backward(gradients: list[Tensor], inputs: list[Tensor], outputs: list[Tensor]) -> list[Tensor]:
    (d_hs,) = gradients
    _, h0, u, _ = inputs
    hs, gates, recurrent = outputs
    units, back = h0.shape[1], u.t()
    d_x, d_u, d_h = torch.empty_like(gates), torch.empty_like(gates), torch.zeros_like(h0)
    for step in reversed(range(hs.shape[0])):
        z, r, n = gates[step].split(units, 1)
        d_h = d_h + d_hs[step]
        row, other = d_x[step], d_u[step]
        d_a = aten.tanh_backward(d_h - d_h * z, n)
        row[:, :units] = aten.sigmoid_backward(d_h * ((hs[step - 1] if step else h0) - n), z)
        row[:, units : 2 * units] = aten.sigmoid_backward(d_a * recurrent[step], r)
        row[:, 2 * units :] = d_a
        other[:, : 2 * units] = row[:, : 2 * units]
        torch.mul(d_a, r, out=other[:, 2 * units :])
        d_h = torch.addmm(d_h * z, other, back)
    return [d_x, d_h, _weight_gradient(h0, hs, d_u), d_u.sum((0, 1))]


_gru_loop = _op(
    "gru_loop(Tensor x, Tensor h, Tensor u, Tensor bias) -> (Tensor, Tensor, Tensor)",
    _gru_forward,
    _gru_shapes,
    _gru_backward,
    followed=(0,),
)


def _simple_forward(z: Tensor, h: Tensor, u: Tensor) -> Tensor:
    hs = torch.empty_like(z)
    for step in range(z.shape[0]):
        h = torch.addmm(z[step], h, u, out=hs[step]).tanh_()
    return hs


def _simple_backward(gradients: list[Tensor], inputs: list[Tensor], outputs: list[Tensor]) -> list[Tensor]:
    (d_hs,), (hs,) = gradients, outputs
    _, h0, u = inputs
    d_z, d_h, back = torch.empty_like(hs), torch.zeros_like(h0), u.t()
    for step in reversed(range(hs.shape[0])):
        d_z[step] = aten.tanh_backward(d_h + d_hs[step], hs[step])
        d_h = d_z[step] @ back
    return [d_z, d_h, _weight_gradient(h0, hs, d_z)]


_simple_loop = _op(
    "simple_rnn_loop(Tensor z, Tensor h, Tensor u) -> Tensor",
    _simple_forward,
    lambda z, h, u: torch.empty_like(z),
    _simple_backward,
    followed=(0,),
)


# ---- bodies ----------------------------------------------------------------------------------------------------------


def _projected(x: Tensor, kernel: Tensor, bias: Any) -> Tensor:
    rows = x.reshape(-1, x.shape[-1])
    z = rows @ kernel if bias is None else torch.addmm(bias, rows, kernel)
    return z.view(*x.shape[:2], kernel.shape[1])


def _by_torch(x: Tensor) -> bool:
    """Whether torch's own functions run: on a CPU where nothing captures them, as they would fall apart into single steps."""
    return x.is_cuda or (immediate(x) and x.numel() > 0)


def _weights(*weights: Tensor) -> list[Tensor]:
    """Weights as torch's functions take them; on a GPU in one piece, as cuDNN would copy them at every call otherwise."""
    if not weights[0].is_cuda:
        return [w.contiguous() for w in weights]
    pieces = torch.cat([w.reshape(-1) for w in weights]).split([w.numel() for w in weights])
    return [piece.view(w.shape) for piece, w in zip(pieces, weights, strict=True)]


def lstm(x: Tensor, h: Tensor, c: Tensor, kernel: Tensor, recurrent_kernel: Tensor, bias: Any = None) -> Any:
    """See ``ops/recurrent.py``."""
    if _by_torch(x):
        biases = [] if bias is None else [bias, torch.zeros_like(bias)]
        weights = _weights(kernel.t(), recurrent_kernel.t(), *biases)
        y, _, c = torch.lstm(x, (h[None], c[None]), weights, bias is not None, 1, 0.0, True, False, False)
        return y, c[0]
    # oneDNN takes no empty batch.
    if x.dtype == torch.float32 and x.numel() and torch.backends.mkldnn.is_available():
        b = torch.zeros_like(kernel[0]) if bias is None else bias
        w, u = kernel.t().contiguous(), recurrent_kernel.t().contiguous()
        y, _, c, _ = _onednn(x.contiguous(), h.contiguous(), c.contiguous(), w, u, b)
        return y, c
    hs, c, _, _ = _lstm_loop(_projected(x, kernel, bias), h, c, recurrent_kernel)
    return hs, c


def gru(x: Tensor, h: Tensor, kernel: Tensor, recurrent_kernel: Tensor, bias: Tensor, recurrent_bias: Tensor) -> Tensor:
    """See ``ops/recurrent.py``."""
    if _by_torch(x):
        # torch has the reset gate before the update gate.
        split = [p.split(h.shape[1], -1) for p in (kernel, recurrent_kernel, bias, recurrent_bias)]
        w, u, *biases = (torch.cat((r, z, n), -1) for z, r, n in split)
        return torch.gru(x, h[None], _weights(w.t(), u.t(), *biases), True, 1, 0.0, True, False, False)[0]
    return _gru_loop(_projected(x, kernel, bias), h, recurrent_kernel, recurrent_bias)[0]


def simple_rnn(x: Tensor, h: Tensor, kernel: Tensor, recurrent_kernel: Tensor, bias: Any = None) -> Tensor:
    """See ``ops/recurrent.py``."""
    return _simple_loop(_projected(x, kernel, bias), h, recurrent_kernel)


TABLE = {"lstm": lstm, "gru": gru, "simple_rnn": simple_rnn}

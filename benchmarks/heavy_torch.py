"""The heavy ops as a torch user calls them: ``torch.nn.functional``, channels second."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

Native = Callable[..., Any]


def einsum(subscripts: str) -> Native:
    return lambda *operands: torch.einsum(subscripts, *operands)


def attend(q: Any, k: Any, v: Any, mask: Any = None, causal: bool = False) -> Any:
    q, k, v = (x.transpose(1, 2) for x in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v, mask, is_causal=causal).transpose(1, 2)


def separable(x: Any, k: Any, point: Any) -> Any:
    return F.conv2d(F.conv2d(x, k, padding="same", groups=x.shape[1]), point)


def top_k(x: Any) -> Any:
    return torch.topk(x, 10)


def stft(x: Any) -> Any:
    window = torch.hann_window(256)
    y = torch.stft(x, 256, 128, window=window, return_complex=True)
    return y.real, y.imag


def rfft(x: Any) -> Any:
    y = torch.fft.rfft(x)
    return y.real, y.imag


def slice_update(x: Any, y: Any) -> Any:
    return torch.slice_scatter(x, torch.slice_scatter(x[4 : 4 + len(y)], y, 1, 4, 4 + y.shape[1]), 0, 4, 4 + len(y))


NATIVE: dict[str, Native] = {
    "conv1d": F.conv1d,
    "conv2d": F.conv2d,
    "conv2d same": lambda x, k: F.conv2d(x, k, padding=1),
    "conv2d strided": lambda x, k: F.conv2d(F.pad(x, (0, 1, 0, 1)), k, stride=2),
    "conv2d grouped": lambda x, k: F.conv2d(x, k, padding=1, groups=4),
    "conv2d rgb": lambda x, k: F.conv2d(x, k, padding=1),
    "conv2d 1x1": F.conv2d,
    "conv3d": F.conv3d,
    "conv_transpose": lambda x, k: F.conv_transpose2d(x, k, stride=2, padding=1),
    "depthwise_conv": lambda x, k: F.conv2d(x, k, padding=1, groups=x.shape[1]),
    "separable_conv": separable,
    "matmul": torch.matmul,
    "matmul batched": torch.matmul,
    "einsum scores": einsum("bqhd,bkhd->bhqk"),
    "einsum heads": einsum("bld,dhk->blhk"),
    "einsum chain": einsum("ab,bc,cd->ad"),
    "attention": attend,
    "attention mask": attend,
    "attention causal": lambda q, k, v: attend(q, k, v, causal=True),
    "max_pool": lambda x: F.max_pool2d(x, 2),
    "max_pool same": lambda x: F.max_pool2d(x, 3, 2, ceil_mode=True),
    "average_pool": lambda x: F.avg_pool2d(x, 2),
    "adaptive_average_pool": lambda x: F.adaptive_avg_pool2d(x, 7),
    "adaptive_max_pool": lambda x: F.adaptive_max_pool2d(x, 7),
    "adaptive_average_pool uneven": lambda x: F.adaptive_avg_pool2d(x, 7),
    "sort": lambda x: torch.sort(x)[0],
    "argsort": lambda x: torch.argsort(x, stable=True),
    "top_k": top_k,
    "scatter": lambda i, x: torch.zeros(2 * len(x), x.shape[1]).index_add(0, i[:, 0], x),
    "scatter_update": lambda x, i, y: x.index_put((i[:, 0],), y),
    "slice_update": slice_update,
    "segment_sum": lambda x, i: torch.zeros(16, x.shape[1]).index_add(0, i, x),
    "take": lambda x, i: torch.index_select(x, 0, i),
    "stft": stft,
    "rfft": rfft,
    "resize bilinear": lambda x: F.interpolate(x, (224, 224), mode="bilinear"),
    "resize nearest": lambda x: F.interpolate(x, (224, 224), mode="nearest-exact"),
    "softmax": lambda x: torch.softmax(x, -1),
    "layer_normalization": lambda x, gamma, beta: F.layer_norm(x, x.shape[-1:], gamma, beta, 1e-3),
    "batch_normalization": lambda x, mean, variance, offset, scale: F.batch_norm(
        x, mean, variance, scale, offset, eps=1e-3
    ),
    "cumsum": lambda x: torch.cumsum(x, -1),
    "logsumexp": lambda x: torch.logsumexp(x, -1),
}

_IMAGES = ("conv", "depthwise", "separable", "max_pool", "average_pool", "adaptive", "resize", "batch_norm")


def prepare(name: str, values: list[np.ndarray]) -> list[Any]:
    """The inputs in the layout that a torch user keeps them in: channels second, kernels by output and input."""
    tensors = [torch.from_numpy(v.astype(np.int64) if v.dtype == np.int32 else v) for v in values]
    if not name.startswith(_IMAGES):
        return tensors
    return [
        _moved(t, kernel=i > 0, depthwise=i == 1 and name[:9] in ("depthwise", "separable"))
        for i, t in enumerate(tensors)
    ]


def _moved(tensor: torch.Tensor, kernel: bool, depthwise: bool) -> torch.Tensor:
    if tensor.dim() < 3:
        return tensor
    if not kernel:
        return tensor.movedim(-1, 1).contiguous()
    rank = tensor.dim() - 2
    order = (rank, rank + 1) if depthwise else (rank + 1, rank)
    return tensor.permute(*order, *range(rank)).contiguous()


def sync(result: Any) -> None:
    """Nothing to wait for on a CPU."""


def gradient(function: Native, inputs: list[Any], floating: list[int]) -> Callable[[], Any]:
    """Forward and backward, with respect to the floating inputs, of the sum of what is returned."""
    leaves = [x.detach().requires_grad_() if i in floating else x for i, x in enumerate(inputs)]
    wanted = [leaves[i] for i in floating]
    ones: list[Any] = []

    def run() -> Any:
        result = function(*leaves)
        parts = [p for p in (result if isinstance(result, tuple | list) else [result]) if p.is_floating_point()]
        if not ones:
            ones.extend(torch.ones_like(p) for p in parts)
        return torch.autograd.grad(parts, wanted, ones)

    return run


def compiled(function: Native) -> Native | None:
    return None


def compiled_gradient(function: Native, inputs: list[Any], floating: list[int]) -> Callable[[], Any] | None:
    return None

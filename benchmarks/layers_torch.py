"""Layers as a torch user has them: ``torch.nn``, channels second, eager."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn


class Attention(nn.Module):
    """Self-attention without the averaged scores."""

    def __init__(self, heads: int, size: int) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(size, heads, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.attention(x, x, x, need_weights=False)[0]


def native(case: Any) -> nn.Module:
    """``torch.nn``'s layer for a case."""
    options, channels = case.arguments, case.shape[-1]
    make: dict[str, Callable[[], nn.Module]] = {
        "LSTM": lambda: nn.LSTM(channels, options["units"], batch_first=True),
        "GRU": lambda: nn.GRU(channels, options["units"], batch_first=True),
        "Conv2D": lambda: nn.Conv2d(channels, options["filters"], 3),
        "Conv1D": lambda: nn.Conv1d(channels, options["filters"], 3),
        "DepthwiseConv2D": lambda: nn.Conv2d(channels, channels, 3, groups=channels),
        "MultiHeadAttention": lambda: Attention(options["num_heads"], channels),
        "BatchNormalization": lambda: nn.BatchNorm2d(channels, 1e-3, 0.01),
        "Embedding": lambda: nn.Embedding(options["input_dim"], options["output_dim"]),
    }
    layer = make[case.layer]()
    layer.channels_second = case.layer in ("Conv2D", "Conv1D", "DepthwiseConv2D", "BatchNormalization")
    return layer


def _tensor(layer: Any, array: np.ndarray) -> torch.Tensor:
    if array.dtype == np.int32:
        return torch.from_numpy(array)
    x = torch.from_numpy(array)
    return x.movedim(-1, 1).contiguous() if getattr(layer, "channels_second", False) else x


def _called(layer: Any, twice: bool, training: bool) -> Callable[[torch.Tensor], torch.Tensor]:
    if type(layer).__module__.startswith(("torch.", __name__)):
        layer.train(training)
        call = layer
    elif twice:
        return lambda x: layer(x, x, training=training)
    elif "training" in layer.call.__code__.co_varnames[: layer.call.__code__.co_argcount]:
        return lambda x: layer(x, training=training)
    else:
        call = layer

    def first(x: torch.Tensor) -> torch.Tensor:
        y = call(x)
        return y[0] if isinstance(y, tuple) else y

    return first


def forward(layer: Any, inputs: np.ndarray, twice: bool) -> Callable[[], Any]:
    """Inference."""
    call, x = _called(layer, twice, False), _tensor(layer, inputs)

    def run() -> Any:
        with torch.no_grad():
            return call(x)

    return run


def backward(layer: Any, inputs: np.ndarray, twice: bool) -> Callable[[], Any]:
    """A training call and the gradients of the weights and the inputs."""
    call, x = _called(layer, twice, True), _tensor(layer, inputs)
    wanted = [p for p in layer.parameters() if p.requires_grad]
    if x.is_floating_point():
        wanted.append(x.requires_grad_())
    upstream = torch.randn_like(call(x))
    return lambda: torch.autograd.grad(call(x), wanted, upstream)

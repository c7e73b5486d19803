"""Activations, losses, encodings and attention, in torch."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from triceras.backends.torch import sparse as native_sparse
from triceras.backends.torch.control import is_mapped
from triceras.core import dtypes


def _gelu(x: torch.Tensor, approximate: bool = True) -> torch.Tensor:
    return F.gelu(x, approximate="tanh" if approximate else "none")


def _softmax(x: torch.Tensor, axis: Any = -1) -> torch.Tensor:
    return torch.softmax(x, axis) if isinstance(axis, int) else torch.exp(_log_softmax(x, axis))


def _log_softmax(x: torch.Tensor, axis: Any = -1) -> torch.Tensor:
    if isinstance(axis, int):
        return torch.log_softmax(x, axis)
    return x - torch.logsumexp(x, tuple(range(x.ndim)) if axis is None else axis, keepdim=True)


def _softplus(x: torch.Tensor) -> torch.Tensor:
    # Above its default threshold, 20, torch's is linear, which float64 notices.
    return F.softplus(x, threshold=40)


def _one_hot(
    x: torch.Tensor, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False
) -> torch.Tensor:
    if sparse:
        return native_sparse.one_hot(x, num_classes, axis, dtype)
    hot = x.long().unsqueeze(-1) == torch.arange(num_classes, device=x.device)
    hot = hot.to(getattr(torch, dtypes.standardize_dtype(dtype)))
    return hot if axis in (-1, x.ndim) else hot.movedim(-1, axis)


def _sigmoid_crossentropy(target: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    return F.binary_cross_entropy_with_logits(logits, target.expand_as(logits), reduction="none")


def _softmax_crossentropy(target: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    return -(target * torch.log_softmax(logits, -1)).sum(-1)


def _sparse_softmax_crossentropy(target: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    # The label -1, which often marks padding, has no loss; torch raises for others that are out of range.
    flat = logits.reshape(-1, logits.shape[-1])
    loss = F.cross_entropy(flat, target.reshape(-1).long(), reduction="none", ignore_index=-1)
    return loss.reshape(target.shape)


def _ctc_loss(
    target: torch.Tensor,
    output: torch.Tensor,
    target_length: torch.Tensor,
    output_length: torch.Tensor,
    mask_index: int = 0,
) -> Any:
    if is_mapped(target, output, target_length, output_length):
        return NotImplemented
    log_probabilities = torch.log_softmax(output, -1).transpose(0, 1)
    lengths = output_length.long(), target_length.long()
    return F.ctc_loss(log_probabilities, target.long(), *lengths, mask_index, "none")


TABLE = {
    "relu": torch.relu,
    "relu6": F.relu6,
    "leaky_relu": lambda x, negative_slope=0.2: F.leaky_relu(x, negative_slope),
    "elu": lambda x, alpha=1.0: F.elu(x, alpha),
    "selu": torch.selu,
    "celu": lambda x, alpha=1.0: F.celu(x, alpha),
    "gelu": _gelu,
    "sigmoid": torch.sigmoid,
    "log_sigmoid": F.logsigmoid,
    "silu": F.silu,
    "softplus": _softplus,
    "softsign": F.softsign,
    "hard_sigmoid": F.hardsigmoid,
    "hard_silu": F.hardswish,
    "hard_tanh": F.hardtanh,
    "hard_shrink": lambda x, threshold=0.5: F.hardshrink(x, threshold),
    "soft_shrink": lambda x, threshold=0.5: F.softshrink(x, threshold),
    "tanh_shrink": F.tanhshrink,
    "threshold": lambda x, threshold, default_value: F.threshold(x, threshold, default_value),
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "one_hot": _one_hot,
    "ctc_loss": _ctc_loss,
    "sigmoid_crossentropy": _sigmoid_crossentropy,
    "softmax_crossentropy": _softmax_crossentropy,
    "sparse_softmax_crossentropy": _sparse_softmax_crossentropy,
}

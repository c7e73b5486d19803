"""Activations, losses, encodings and attention, in NumPy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from triceras.backends.numpy.elementwise import in_float32
from triceras.backends.numpy.special import SPECIAL
from triceras.core import dtypes
from triceras.core.errors import UnsupportedError

_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def _relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, np.zeros((), x.dtype))


def _relu6(x: np.ndarray) -> np.ndarray:
    return np.minimum(_relu(x), np.asarray(6, x.dtype))


def _celu(x: np.ndarray, alpha: float = 1.0) -> np.ndarray:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / alpha))


def _hard_sigmoid(x: np.ndarray) -> np.ndarray:
    return np.clip(x + 3, 0, 6) / 6


def _soft_shrink(x: np.ndarray, threshold: float = 0.5) -> np.ndarray:
    return np.where(np.abs(x) > threshold, x - np.sign(x) * threshold, 0)


def _sparse_plus(x: np.ndarray) -> np.ndarray:
    return np.where(x >= 1, x, np.square(np.clip(x, -1, 1) + 1) * 0.25)


def _leaky_relu(x: np.ndarray, negative_slope: float = 0.2) -> np.ndarray:
    return np.where(x > 0, x, x * np.asarray(negative_slope, x.dtype))


def _elu(x: np.ndarray, alpha: float = 1.0) -> np.ndarray:
    return np.where(x > 0, x, np.asarray(alpha, x.dtype) * np.expm1(np.minimum(x, 0)))


def _selu(x: np.ndarray) -> np.ndarray:
    return np.asarray(_SELU_SCALE, x.dtype) * _elu(x, _SELU_ALPHA)


def _gelu(x: np.ndarray, approximate: bool = True) -> np.ndarray:
    if approximate:
        return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))
    return 0.5 * x * (1 + SPECIAL["erf"](x * math.sqrt(0.5)))


def _sigmoid(x: np.ndarray) -> np.ndarray:
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, np.ones((), x.dtype), e) / (1 + e)


def _softplus(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _softmax(x: np.ndarray, axis: Any = -1) -> np.ndarray:
    e = np.exp(x - x.max(axis, keepdims=True, initial=-math.inf))
    return e / e.sum(axis, keepdims=True)


def _log_softmax(x: np.ndarray, axis: Any = -1) -> np.ndarray:
    x = x - x.max(axis, keepdims=True, initial=-math.inf)
    return x - np.log(np.exp(x).sum(axis, keepdims=True))


def _one_hot(x: np.ndarray, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False) -> np.ndarray:
    if sparse:
        raise UnsupportedError(
            "The numpy backend has no sparse tensors. Leave out sparse=True, or run on another backend."
        )
    hot = x[..., None] == np.arange(num_classes)
    hot = hot.astype(dtypes.numpy_dtype(dtype))
    return hot if axis in (-1, x.ndim) else np.moveaxis(hot, -1, axis)


def _sigmoid_crossentropy(target: np.ndarray, logits: np.ndarray) -> np.ndarray:
    return np.maximum(logits, 0) - logits * target + np.log1p(np.exp(-np.abs(logits)))


def _softmax_crossentropy(target: np.ndarray, logits: np.ndarray) -> np.ndarray:
    return -(target * _log_softmax(logits)).sum(-1)


def _sparse_softmax_crossentropy(target: np.ndarray, logits: np.ndarray) -> np.ndarray:
    classes = logits.shape[-1]
    valid = (target >= 0) & (target < classes)
    labels = np.where(valid, target, 0).astype(np.int64)
    logits = in_float32(_log_softmax)(logits)
    picked = np.take_along_axis(logits, labels[..., None], -1)[..., 0]
    return np.where(valid, -picked, np.zeros((), picked.dtype))


TABLE = {
    name: in_float32(function)
    for name, function in {
        "leaky_relu": _leaky_relu,
        "elu": _elu,
        "selu": _selu,
        "celu": _celu,
        "hard_sigmoid": _hard_sigmoid,
        "hard_silu": lambda x: x * _hard_sigmoid(x),
        "soft_shrink": _soft_shrink,
        "sparse_plus": _sparse_plus,
        "sparse_sigmoid": lambda x: np.clip(0.5 * (x + 1), 0, 1),
        "gelu": _gelu,
        "sigmoid": _sigmoid,
        "log_sigmoid": lambda x: -_softplus(-x),
        "silu": lambda x: x * _sigmoid(x),
        "softplus": _softplus,
        "softsign": lambda x: x / (1 + np.abs(x)),
        "softmax": _softmax,
        "log_softmax": _log_softmax,
        "sigmoid_crossentropy": _sigmoid_crossentropy,
        "softmax_crossentropy": _softmax_crossentropy,
    }.items()
} | {
    "relu": _relu,
    "relu6": _relu6,
    "one_hot": _one_hot,
    "sparse_softmax_crossentropy": _sparse_softmax_crossentropy,
}

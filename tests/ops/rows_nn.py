"""Rows for activations, normalizations, cross-entropies, encodings, attention and rearrangements."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from tests.ops.table import FLOATS, Row, booleans, integers, normal, row, uniform

X = normal(4, 6) * 3
P = uniform(0.0, 1.0, 4, 6)
LABELS = integers(0, 6, 4)
TARGETS = np.eye(6)[LABELS]
IMAGE = normal(2, 4, 4, 3)
GAMMA, BETA = uniform(0.5, 1.5, 3), normal(3)
QUERY, KEY = normal(2, 5, 4, 3), normal(2, 7, 4, 3)
BIAS, MASK = normal(1, 4, 5, 7), booleans(2, 1, 5, 7)
GROUPED = normal(2, 7, 2, 3)
EPSILON = 1e-7


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return special.expit(x)


def _elu(x: np.ndarray, alpha: float = 1.0) -> np.ndarray:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def _gelu(x: np.ndarray, approximate: bool = True) -> np.ndarray:
    if approximate:
        return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    return x * special.ndtr(x)


def _sparsemax(x: np.ndarray, axis: int = -1) -> np.ndarray:
    """By bisection on the threshold."""
    low, high = x.max(axis, keepdims=True) - 1, x.max(axis, keepdims=True)
    for _ in range(60):
        middle = (low + high) / 2
        above = np.maximum(x - middle, 0).sum(axis, keepdims=True) > 1
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return np.maximum(x - low, 0)


def _glu(x: np.ndarray, axis: int = -1) -> np.ndarray:
    a, b = np.split(x, 2, axis)
    return a * _sigmoid(b)


#: Op -> its reference. At kinks frameworks differ in which subgradient they choose; the inputs have none there.
ACTIVATIONS: dict[str, Any] = {
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "leaky_relu": lambda x, negative_slope=0.2: np.where(x > 0, x, negative_slope * x),
    "elu": _elu,
    "selu": lambda x: 1.0507009873554805 * _elu(x, 1.6732632423543772),
    "celu": lambda x, alpha=1.0: np.maximum(x, 0) + np.minimum(0, alpha * np.expm1(x / alpha)),
    "gelu": _gelu,
    "sigmoid": _sigmoid,
    "log_sigmoid": special.log_expit,
    "silu": lambda x: x * _sigmoid(x),
    "softplus": lambda x: np.logaddexp(x, 0),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "hard_sigmoid": lambda x: np.clip(x + 3, 0, 6) / 6,
    "hard_silu": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "hard_shrink": lambda x, threshold=0.5: np.where(np.abs(x) > threshold, x, 0),
    "soft_shrink": lambda x, threshold=0.5: np.sign(x) * np.maximum(np.abs(x) - threshold, 0),
    "tanh_shrink": lambda x: x - np.tanh(x),
    "threshold": lambda x, threshold, default_value: np.where(x > threshold, x, default_value),
    "sparse_plus": lambda x: np.where(x >= 1, x, (np.clip(x, -1, 1) + 1) ** 2 / 4),
    "sparse_sigmoid": lambda x: np.clip((x + 1) / 2, 0, 1),
    "squareplus": lambda x, b=4: (x + np.sqrt(x * x + b)) / 2,
    "glu": _glu,
    "softmax": lambda x, axis=-1: special.softmax(x, axis),
    "log_softmax": lambda x, axis=-1: special.log_softmax(x, axis),
    "sparsemax": _sparsemax,
}


def activation(op: str, *args: Any, **options: Any) -> Row:
    """One over floats, with its gradient."""
    given = {"reference": ACTIVATIONS[op], "dtypes": FLOATS, "differentiable": True, "tolerance": 2e-6} | options
    return row(op, X, *args, **given)


def _along(p: np.ndarray | None, x: np.ndarray, axes: tuple[int, ...]) -> Any:
    return p if p is None else p.reshape([d if i in axes else 1 for i, d in enumerate(x.shape)])


def _scaled(y: np.ndarray, x: np.ndarray, gamma: Any, beta: Any, axes: tuple[int, ...]) -> np.ndarray:
    y = y if gamma is None else y * _along(gamma, x, axes)
    return y if beta is None else y + _along(beta, x, axes)


def _axes(axis: Any, x: np.ndarray) -> tuple[int, ...]:
    return tuple(a % x.ndim for a in (axis if isinstance(axis, tuple) else (axis,)))


def _layer(x: np.ndarray, gamma: Any = None, beta: Any = None, axis: Any = -1, epsilon: float = EPSILON) -> np.ndarray:
    axes = _axes(axis, x)
    y = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + epsilon)
    return _scaled(y, x, gamma, beta, axes)


def _rms(x: np.ndarray, scale: Any = None, axis: Any = -1, epsilon: float = EPSILON) -> np.ndarray:
    axes = _axes(axis, x)
    return _scaled(x / np.sqrt((x * x).mean(axes, keepdims=True) + epsilon), x, scale, None, axes)


def _batch(
    x: np.ndarray, mean: Any, variance: Any, axis: int, offset: Any = None, scale: Any = None, epsilon: float = 1e-3
) -> np.ndarray:
    axes = _axes(axis, x)
    y = (x - _along(mean, x, axes)) / np.sqrt(_along(variance, x, axes) + epsilon)
    return _scaled(y, x, scale, offset, axes)


def _normalize(x: np.ndarray, axis: Any = -1, order: float = 2) -> np.ndarray:
    return x / np.maximum(np.linalg.norm(x, order, axis, keepdims=True), EPSILON)


def _clipped(p: np.ndarray) -> np.ndarray:
    return np.clip(p, EPSILON, 1 - EPSILON)


def _binary(target: np.ndarray, output: np.ndarray, from_logits: bool = False) -> np.ndarray:
    if from_logits:
        return np.logaddexp(0, output) - target * output
    p = _clipped(output)
    return -target * np.log(p) - (1 - target) * np.log(1 - p)


def _categorical(target: np.ndarray, output: np.ndarray, from_logits: bool = False, axis: int = -1) -> np.ndarray:
    log = special.log_softmax(output, axis)
    log = log if from_logits else np.log(_clipped(output / output.sum(axis, keepdims=True)))
    return -(target * log).sum(axis)


def _sparse(target: np.ndarray, output: np.ndarray, from_logits: bool = False, axis: int = -1) -> np.ndarray:
    target = target[..., 0] if target.ndim == output.ndim else target
    hot = np.moveaxis(np.arange(output.shape[axis]) == target[..., None], -1, axis)
    return _categorical(hot, output, from_logits, axis)


def _one_hot(x: np.ndarray, num_classes: int, axis: int = -1, dtype: Any = None) -> np.ndarray:
    return np.moveaxis(x[..., None] == np.arange(num_classes), -1, axis)


def _attention(
    query: np.ndarray,
    key: np.ndarray,
    value: np.ndarray,
    bias: Any = None,
    mask: Any = None,
    scale: float | None = None,
    is_causal: bool = False,
    attn_logits_soft_cap: float | None = None,
) -> np.ndarray:
    groups = query.shape[2] // key.shape[2]
    key, value = np.repeat(key, groups, 2), np.repeat(value, groups, 2)
    logits = np.einsum("btnh,bsnh->bnts", query, key) * (query.shape[-1] ** -0.5 if scale is None else scale)
    cap = attn_logits_soft_cap
    logits = logits if cap is None else cap * np.tanh(logits / cap)
    logits = logits if bias is None else logits + bias
    if is_causal:
        causal = np.tri(*logits.shape[-2:], dtype=bool)
        mask = causal if mask is None else mask & causal
    logits = logits if mask is None else np.where(mask, logits, -1e30)
    return np.einsum("bnts,bsnh->btnh", special.softmax(logits, -1), value)


def _space_to_depth(x: np.ndarray, b: int) -> np.ndarray:
    n, h, w, c = x.shape
    return x.reshape(n, h // b, b, w // b, b, c).transpose(0, 1, 3, 2, 4, 5).reshape(n, h // b, w // b, b * b * c)


def _psnr(x1: np.ndarray, x2: np.ndarray, max_val: float) -> np.ndarray:
    return 20 * np.log10(max_val) - 10 * np.log10(((x1 - x2) ** 2).mean())


NORMALIZED = {"differentiable": True, "tolerance": 3e-6}
LOSS = {"differentiable": False, "tolerance": 2e-6}

ROWS = [
    *(activation(op) for op in ACTIVATIONS if op != "threshold"),
    activation("threshold", 0.5, -1.0),
    activation("leaky_relu", negative_slope=0.5),
    activation("elu", alpha=0.5),
    activation("celu", alpha=0.5),
    activation("gelu", approximate=False),
    activation("glu", axis=0, unknown=False),
    activation("softmax", axis=0),
    activation("softmax", axis=(0, 1), dtypes=("float32",)),
    activation("log_softmax", axis=None, dtypes=("float32",)),
    activation("sparsemax", axis=0, unknown=False),
    row("relu", integers(-3, 3, 5), reference=ACTIVATIONS["relu"]),
    row("sigmoid", integers(-3, 3, 5), reference=_sigmoid),
    row("sigmoid", np.array([-1e4, -100.0, 100.0, 1e4]), reference=_sigmoid, differentiable=True),
    row("softplus", np.array([-1e4, -100.0, 100.0, 1e4]), reference=ACTIVATIONS["softplus"], differentiable=True),
    row(
        "softmax", np.array([[1e4, 0.0], [-1e4, -1e4]]), reference=lambda x: special.softmax(x, -1), differentiable=True
    ),
    row("layer_normalization", X, reference=_layer, dtypes=FLOATS, **NORMALIZED),
    row("layer_normalization", IMAGE, GAMMA, BETA, -1, 1e-3, reference=_layer, dtypes=FLOATS, **NORMALIZED),
    row("layer_normalization", IMAGE, normal(4, 3), BETA * np.ones((4, 1)), (1, 3), reference=_layer, **NORMALIZED),
    row("layer_normalization", IMAGE, None, normal(4, 4, 3), (1, 2, 3), reference=_layer, **NORMALIZED),
    row("rms_normalization", X, reference=_rms, dtypes=FLOATS, **NORMALIZED),
    row("rms_normalization", IMAGE, GAMMA, -1, 1e-3, reference=_rms, dtypes=FLOATS, **NORMALIZED),
    row("rms_normalization", IMAGE, normal(4, 3), (1, 3), reference=_rms, **NORMALIZED),
    row("batch_normalization", IMAGE, BETA, GAMMA, -1, reference=_batch, **NORMALIZED),
    row("batch_normalization", IMAGE, BETA, GAMMA, 3, BETA, GAMMA, 1e-5, reference=_batch, dtypes=FLOATS, **NORMALIZED),
    row("batch_normalization", IMAGE, normal(4), uniform(0, 1, 4), 1, offset=normal(4), reference=_batch, **NORMALIZED),
    row("normalize", X, reference=_normalize, differentiable=True),
    row("normalize", X, axis=0, order=1, reference=_normalize, differentiable=True),
    row("normalize", X, order=np.inf, reference=_normalize),
    row("normalize", np.zeros((2, 3)), reference=_normalize, differentiable=True),
    row("binary_crossentropy", TARGETS, P, reference=_binary, dtypes=FLOATS[:1], **LOSS),
    row("binary_crossentropy", P, X, from_logits=True, reference=_binary, **LOSS | {"differentiable": True}),
    row("binary_crossentropy", np.eye(2), np.zeros((2, 2)), True, reference=_binary, differentiable=True),
    row("categorical_crossentropy", TARGETS, P, reference=_categorical, **LOSS | {"differentiable": True}),
    row("categorical_crossentropy", TARGETS, X, True, reference=_categorical, **LOSS | {"differentiable": True}),
    row("categorical_crossentropy", TARGETS, X, True, axis=0, reference=_categorical, **LOSS),
    row("categorical_crossentropy", TARGETS, P, axis=0, reference=_categorical, **LOSS),
    row("sparse_categorical_crossentropy", LABELS, P, reference=_sparse, **LOSS | {"differentiable": True}),
    row("sparse_categorical_crossentropy", LABELS, X, True, reference=_sparse, **LOSS | {"differentiable": True}),
    row("sparse_categorical_crossentropy", LABELS[:, None], X, True, reference=_sparse, **LOSS),
    row("sparse_categorical_crossentropy", LABELS.astype("uint8"), X, True, reference=_sparse, **LOSS),
    row(
        "sparse_categorical_crossentropy", integers(0, 4, 6), X, True, axis=0, reference=_sparse, unknown=False, **LOSS
    ),
    row("sparse_categorical_crossentropy", integers(0, 5, 2, 3), normal(2, 3, 5), True, reference=_sparse, **LOSS),
    row(
        "sparse_categorical_crossentropy",
        np.array([-1, 2], "int32"),
        X[:2],
        True,
        reference=_sparse,
        differentiable=True,
    ),
    row("one_hot", LABELS, 6, reference=_one_hot),
    row("one_hot", integers(-1, 5, 2, 3), 4, axis=1, dtype="int32", reference=_one_hot),
    row("one_hot", LABELS.astype("uint8"), 6, dtype="bool", reference=_one_hot),
    row("multi_hot", np.array([[0, 2], [1, 1]], "int32"), 3, reference=lambda x, n: _one_hot(x, n).max(1)),
    row("multi_hot", np.array([0, 2], "int32"), 3, reference=lambda x, n: _one_hot(x, n).max(0)),
    row("dot_product_attention", QUERY, KEY, KEY, reference=_attention, **NORMALIZED),
    row("dot_product_attention", QUERY, KEY, KEY, BIAS, reference=_attention, **NORMALIZED),
    row("dot_product_attention", QUERY, KEY, KEY, BIAS, MASK, reference=_attention, **NORMALIZED),
    row("dot_product_attention", QUERY, KEY, KEY, mask=MASK, is_causal=True, reference=_attention, **NORMALIZED),
    row("dot_product_attention", QUERY, QUERY, QUERY, is_causal=True, scale=0.3, reference=_attention, **NORMALIZED),
    row("dot_product_attention", QUERY, GROUPED, GROUPED, reference=_attention, dtypes=FLOATS[:2], **NORMALIZED),
    row("dot_product_attention", QUERY, KEY, KEY, attn_logits_soft_cap=1.5, reference=_attention, **NORMALIZED),
    row("space_to_depth", IMAGE, 2, reference=_space_to_depth, differentiable=True),
    row("space_to_depth", IMAGE.transpose(0, 3, 1, 2), 2, "channels_first"),
    row("depth_to_space", _space_to_depth(IMAGE, 2), 2, reference=lambda x, b: IMAGE, differentiable=True),
    row("depth_to_space", normal(1, 8, 2, 3), 2, "channels_first"),
    row("unfold", normal(2, 3, 6, 5), 3, 1, 1, 2, differentiable=True),
    row("unfold", normal(2, 3, 6, 5), (2, 3), 2),
    row("fold", normal(2, 18, 20), (6, 7), 3, differentiable=True),
    row("fold", normal(2, 18, 12), (6, 7), 3, 1, 1, 2, differentiable=True),
    row("polar", P, X, reference=lambda r, a: r * np.exp(1j * a)),
    row(
        "ctc_loss",
        np.array([[1, 2, 2, 0], [3, 1, 0, 0]], "int32"),
        normal(2, 9, 5),
        np.array([3, 2], "int32"),
        np.array([9, 7], "int32"),
        differentiable=True,
        tolerance=3e-6,
    ),
    row("psnr", P, P + 0.1, 1.0, reference=_psnr, tolerance=3e-5, differentiable=True),
]

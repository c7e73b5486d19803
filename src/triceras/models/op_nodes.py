"""Ops in the files of functional models.

An op is an entry there like a layer, of a class of Keras's own: what the call gave it as tensors are arguments of the call,
everything else is its configuration. The tables say where that class isn't named after the op, and where it divides the
arguments otherwise.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from triceras import activations, ops
from triceras.core import dtypes, objects, settings
from triceras.graph.operation import OpCall
from triceras.graph.symbol import KerasTensor
from triceras.ops.dispatch import Op

#: Op name -> class name, where it isn't the op's name in camel case.
_CLASS_NAMES = {
    "abs": "Absolute",
    "allclose": "AllClose",
    "batch_normalization": "BatchNorm",
    "cdist": "CDist",
    "conj": "Conjugate",
    "ctc_decode": "CTCDecode",
    "ctc_loss": "CTCLoss",
    "hard_swish": "HardSilu",
    "hsv_to_rgb": "HSVToRGB",
    "isin": "IsIn",
    "layer_normalization": "LayerNorm",
    "rgb_to_grayscale": "RGBToGrayscale",
    "rgb_to_hsv": "RGBToHSV",
    "rms_normalization": "RMSNorm",
    "searchsorted": "SearchSorted",
    "swish": "Silu",
} | {name: name.upper() for name in "fft fft2 ifft2 irfft istft jvp psnr rfft ssim stft svd".split()}
#: Module -> the ops that it holds; all others are in ``image``, where that room has them, or in ``numpy``.
_MODULES = {
    "core": "associative_scan cast cond convert_to_tensor fori_loop map saturate_cast scan scatter scatter_update slice "
    "slice_update stop_gradient switch unstack vectorized_map while_loop",
    "einops": "rearrange",
    "linalg": "cholesky cholesky_inverse det eig eigh inv jvp lstsq lu_factor matrix_rank norm pinv qr solve "
    "solve_triangular svd",
    "math": "cdist erf erfc erfinv extract_sequences fft fft2 ifft2 in_top_k irfft istft logdet logsumexp rfft rsqrt "
    "segment_max segment_min segment_prod segment_sum stft top_k view_as_complex view_as_real",
    "nn": "adaptive_average_pool adaptive_max_pool average_pool batch_normalization binary_crossentropy "
    "categorical_crossentropy celu conv conv_transpose ctc_decode ctc_loss depth_to_space depthwise_conv "
    "dot_product_attention elu fold gelu glu hard_shrink hard_sigmoid hard_silu hard_tanh layer_normalization leaky_relu "
    "log_sigmoid log_softmax max_pool moments multi_hot normalize one_hot polar psnr relu relu6 rms_normalization selu "
    "separable_conv sigmoid silu soft_shrink softmax softplus softsign space_to_depth sparse_categorical_crossentropy "
    "sparse_plus sparse_sigmoid sparsemax squareplus tanh_shrink threshold unfold",
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names.split()}
#: Op name -> the arguments of its call, where they aren't its tensors; those after a star are given by name.
_CALLED_WITH = {
    "associative_scan": "f elems",
    "average": "x * weights",
    "bincount": "x",
    "clip": "x",
    "cond": "pred true_fn false_fn",
    "dot_product_attention": "query key value * bias mask scale",
    "get_item": "x key",
    "isclose": "x1 x2 rtol atol",
    "map": "f xs",
    "pad": "x * constant_values",
    "rearrange": "tensor pattern",
    "rms_normalization": "x * scale",
    "scale_and_translate": "images output_shape scale translation",
    "scan": "f init xs",
    "slice": "inputs start_indices",
    "slice_update": "inputs start_indices updates",
    "switch": "index branches operands",
    "trapezoid": "y",
    "vectorized_map": "elements",
}
#: Functions that files name in other modules than those of ops.
_ELSEWHERE = {("keras.src.activations.activations", "ReLU"): activations.relu}


def class_name(op_name: str) -> str:
    """The class that files name for an op."""
    return _CLASS_NAMES.get(op_name) or "".join(part.capitalize() for part in op_name.split("_"))


def _called_with(op: Op) -> tuple[list[str], list[str]]:
    """The parameters of an op's call in a file, by position and by name."""
    listed = _CALLED_WITH.get(op.name, " ".join(slot.name for slot in op.slots))
    by_position, _, by_name = listed.partition("*")
    return by_position.split(), by_name.split()


def serialize_op(operation: OpCall, nodes: list[Any]) -> tuple[dict[str, Any], list[Any]]:
    """An op's entry and its calls.

    Raises:
        ValueError: the op isn't a public one, so no file can name it.
    """
    op = operation.op
    if op.name not in _public():
        raise ValueError(
            f"{operation.name!r} in the model is a call of {op.name!r}, which isn't an op of triceras.ops, so a file can't "
            "name it. Wrap what calls it in a layer."
        )
    config: dict[str, Any] = {"name": operation.name}
    calls = []
    for node in nodes:
        args, kwargs, settled = _divided(op, node.args, node.kwargs)
        config.update({key: _as_config(key, value) for key, value in settled.items()})
        calls.append((args, kwargs))
    name = class_name(op.name)
    module = _MODULE_OF.get(op.name) or ("image" if op.name in ops.image.__all__ else "numpy")
    return {
        "module": f"keras.src.ops.{module}",
        "class_name": name,
        "config": config,
        "registered_name": name,
    }, calls


def _divided(op: Op, args: Any, kwargs: Any) -> tuple[list[Any], dict[str, Any], dict[str, Any]]:
    """A call's arguments in a file: by position, by name, and what is configuration."""
    bound = op.signature.bind(*args, **kwargs)
    bound.apply_defaults()
    positional, named = _called_with(op)
    by_position: list[Any] = []
    by_name, settled = {}, {}
    for key in positional:
        variadic = op.signature.parameters[key].kind is inspect.Parameter.VAR_POSITIONAL
        by_position += bound.arguments[key] if variadic else [bound.arguments[key]]
    for key, value in bound.arguments.items():
        if op.signature.parameters[key].kind is inspect.Parameter.VAR_KEYWORD:
            by_name.update(value)
        elif key in named or (key not in positional and _holds_symbol(value)):
            by_name[key] = value
        elif key not in positional:
            settled[key] = value
    return by_position, by_name, settled


def _as_config(key: str, value: Any) -> Any:
    """A value of a configuration; what settings stand in for is written out, as the reader's may differ."""
    if key == "dtype" and value is not None:
        return dtypes.standardize_dtype(value)
    if key == "data_format":
        return settings.standardize_data_format(value)
    return [value] if key in ("newshape", "shape") and isinstance(value, int) else _lists(value)


def _lists(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_lists(v) for v in value]
    return objects.serialize_keras_object(value)


def _holds_symbol(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_holds_symbol, value))
    return isinstance(value, KerasTensor)


@functools.cache
def _public() -> dict[str, Callable[..., Any]]:
    """Name -> function of all that files may name."""
    found = {name: getattr(ops, name) for name in ops.__all__}
    found |= {name: getattr(ops.image, name) for name in ops.image.__all__}
    return {name: value for name, value in found.items() if callable(value)}


def op_function(entry: dict[str, Any]) -> Callable[..., Any] | None:
    """The function of an op's entry in a file, or None where the entry is no op.

    Raises:
        ValueError: no op is of that name.
    """
    module, name = entry.get("module") or "", entry["class_name"]
    if (module, name) in _ELSEWHERE:
        return _ELSEWHERE[module, name]
    if module.split(".")[:3] != ["keras", "src", "ops"]:
        return None
    function = {class_name(known): value for known, value in _public().items()}.get(name)
    if function is None:
        raise ValueError(f"The file uses the op {name!r} of {module}, which isn't known here.")
    return function


def call_from_file(function: Callable[..., Any], entry: dict[str, Any], args: list[Any], kwargs: dict[str, Any]) -> Any:
    """Record an op's call: its tensors come from the call, its other arguments from the configuration."""
    op: Op | None = getattr(function, "op", None)
    signature = inspect.signature(function) if op is None else op.signature
    config = objects.deserialize_keras_object(entry["config"])
    given = {key: value for key, value in config.items() if key in signature.parameters} | kwargs
    if op is None:
        return function(*args, **given)
    if op.name == "get_item" and isinstance(args[1], list):
        args = [args[0], tuple(args[1])]
    positional, named = _called_with(op)
    variadic = [key for key in positional if signature.parameters[key].kind is inspect.Parameter.VAR_POSITIONAL]
    rest = args[len(positional) - 1 :] if variadic else []
    given |= dict(zip([key for key in (*positional, *named) if key not in variadic], args, strict=False))
    ordered = [given.pop(key) for key in _before(signature, variadic)] if variadic else []
    bound = signature.bind(*ordered, *rest, **given)
    return OpCall(op, config.get("name", entry["name"])).symbolic_call(*bound.args, **bound.kwargs)


def _before(signature: inspect.Signature, variadic: list[str]) -> list[str]:
    """The parameters that stand before one that takes any number of arguments."""
    names = list(signature.parameters)
    return names[: names.index(variadic[0])]

"""Ops in the files of functional models: an op is a class of Keras's own there, its tensors apart from its other arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from triceras import ops
from triceras.core import objects
from triceras.graph.operation import OpCall
from triceras.graph.symbol import KerasTensor
from triceras.ops.dispatch import OPS

#: Op name -> class name, where it isn't the op's name in camel case.
_CLASS_NAMES = {
    "abs": "Absolute",
    "batch_normalization": "BatchNorm",
    "conj": "Conjugate",
    "layer_normalization": "LayerNorm",
    "rms_normalization": "RMSNorm",
    "hard_swish": "HardSilu",
    "swish": "Silu",
    "searchsorted": "SearchSorted",
    "allclose": "AllClose",
    "svd": "SVD",
    "isin": "IsIn",
    "select_where": "Where",
}
#: Module -> the ops that it holds; all others are in ``keras.src.ops.numpy``.
_MODULES = {
    "core": "cast saturate_cast scatter scatter_update slice slice_update stop_gradient unstack convert_to_tensor",
    "linalg": "cholesky cholesky_inverse det eig eigh inv lstsq lu_factor matrix_rank norm pinv qr svd solve "
    "solve_triangular",
    "math": "erf erfc erfinv extract_sequences in_top_k logdet logsumexp rsqrt segment_max segment_min segment_sum top_k",
    "nn": "average_pool batch_normalization binary_crossentropy categorical_crossentropy celu conv conv_transpose "
    "depthwise_conv dot_product_attention elu gelu glu hard_shrink hard_sigmoid hard_silu hard_tanh layer_normalization "
    "leaky_relu log_sigmoid log_softmax max_pool moments multi_hot normalize one_hot relu relu6 rms_normalization selu "
    "separable_conv sigmoid silu soft_shrink softmax softplus softsign sparse_categorical_crossentropy sparse_plus "
    "sparse_sigmoid sparsemax squareplus tanh_shrink threshold",
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names.split()}


def class_name(op_name: str) -> str:
    """The class that files name for an op."""
    return _CLASS_NAMES.get(op_name) or "".join(part.capitalize() for part in op_name.split("_"))


def serialize_op(operation: OpCall, nodes: list[Any]) -> tuple[dict[str, Any], list[Any]]:
    """An op's entry and its calls: tensors stay arguments, everything else is configuration."""
    op = operation.op
    config: dict[str, Any] = {"name": operation.name}
    calls = []
    for node in nodes:
        bound = op.signature.bind(*node.args, **node.kwargs)
        slots = {slot.name for slot in op.slots}
        args = []
        for key, value in bound.arguments.items():
            if key in slots or _holds_symbol(value) or op.name == "get_item":
                args.append(value)
            else:
                config[key] = objects.serialize_keras_object(value)
        calls.append((args, {}))
    name = class_name(op.name)
    module = f"keras.src.ops.{_MODULE_OF.get(op.name, 'numpy')}"
    return {"module": module, "class_name": name, "config": config, "registered_name": name}, calls


def _holds_symbol(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_holds_symbol, value))
    return isinstance(value, KerasTensor)


def op_function(entry: dict[str, Any]) -> Callable[..., Any] | None:
    """The function of an op's entry in a file, or None where the entry is no op.

    Raises:
        ValueError: no op is of that name.
    """
    parts = (entry.get("module") or "").split(".")
    if parts[:3] != ["keras", "src", "ops"]:
        return None
    known = {name: op.call for name, op in OPS.items()}  # primitives behind public functions are recorded too
    known |= {name: getattr(ops, name) for name in ops.__all__ if callable(getattr(ops, name))}
    function = {class_name(name): function for name, function in known.items()}.get(entry["class_name"])
    if function is None:
        raise ValueError(f"The file uses the op {entry['class_name']!r} of {entry['module']}, which isn't known here.")
    return function


def call_from_file(function: Callable[..., Any], entry: dict[str, Any], args: list[Any], kwargs: dict[str, Any]) -> Any:
    """Record an op's call: its tensors come from the call, its other arguments from the configuration."""
    op = getattr(function, "op", None)
    signature = op.signature if op is not None else inspect.signature(function)
    names = list(signature.parameters)
    if op is not None and op.name == "get_item":
        args = [args[0], tuple(args[1]) if isinstance(args[1], list) else args[1]]
    elif op is not None and op.slots:
        names = [slot.name for slot in op.slots]
    config = objects.deserialize_keras_object(entry["config"])
    known = {key: value for key, value in config.items() if key in signature.parameters}
    bound = signature.bind(**(dict(zip(names, args, strict=False)) | known | kwargs))
    if op is None:
        return function(*bound.args, **bound.kwargs)
    return OpCall(op, config.get("name", entry["name"])).symbolic_call(*bound.args, **bound.kwargs)

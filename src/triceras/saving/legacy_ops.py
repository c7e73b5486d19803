"""Functions of TensorFlow in the graphs of Keras 2, as calls of the ops that files of Keras 3 name."""

from __future__ import annotations

from typing import Any

from triceras.core.errors import FileFormatError

_SAME = "exp sqrt square sign sin cos tan sinh cosh tanh floor ceil round log log1p expm1 rsqrt sigmoid softplus erf"
_ACTIVATIONS = "relu relu6 elu selu silu softsign"
_TWO = (
    "add subtract multiply maximum minimum greater greater_equal less less_equal equal not_equal logical_and logical_or"
)
_REDUCTIONS = "sum mean max min prod any all std"
#: Function -> class of the op, then its parameters that files give: ``theirs:ours``, or one name for both.
_OPS = (
    {f"math.{name}": name.capitalize() for name in _SAME.split()}
    | {f"nn.{name}": name.capitalize() for name in _ACTIVATIONS.split()}
    | {f"math.{name}": name.title().replace("_", "") + " y:x2" for name in _TWO.split()}
    | {f"math.reduce_{name}": f"{name.capitalize()} axis keepdims" for name in _REDUCTIONS.split()}
    | {
        "__operators__.add": "Add y:x2",
        "__operators__.eq": "Equal other:x2",
        "__operators__.ne": "NotEqual other:x2",
        "argsort": "Argsort axis",
        "broadcast_to": "BroadcastTo shape",
        "cast": "Cast dtype",
        "clip_by_value": "Clip clip_value_min:x_min clip_value_max:x_max",
        "compat.v1.floor_div": "FloorDivide y:x2",
        "compat.v1.gather": "Take indices axis",
        "compat.v1.pad": "Pad paddings:pad_width mode constant_values",
        "compat.v1.squeeze": "Squeeze axis",
        "compat.v1.transpose": "Transpose perm:axes",
        "concat": "Concatenate axis",
        "expand_dims": "ExpandDims axis",
        "identity": "Copy",
        "image.resize": "Resize size method:interpolation",
        "linalg.matmul": "Matmul b:x2",
        "math.abs": "Absolute",
        "math.acos": "Arccos",
        "math.argmax": "Argmax axis",
        "math.argmin": "Argmin axis",
        "math.asin": "Arcsin",
        "math.atan": "Arctan",
        "math.atan2": "Arctan2 x:x2",
        "math.cumsum": "Cumsum axis",
        "math.divide": "TrueDivide y:x2",
        "math.divide_no_nan": "DivideNoNan y:x2",
        "math.floordiv": "FloorDivide y:x2",
        "math.floormod": "Mod y:x2",
        "math.l2_normalize": "Normalize axis epsilon",
        "math.logical_not": "LogicalNot",
        "math.negative": "Negative",
        "math.pow": "Power y:x2",
        "math.reciprocal": "Reciprocal",
        "math.reduce_logsumexp": "Logsumexp axis keepdims",
        "math.reduce_variance": "Var axis keepdims",
        "math.top_k": "TopK k sorted",
        "math.truediv": "TrueDivide y:x2",
        "nn.bias_add": "Add bias:x2",
        "nn.gelu": "Gelu approximate",
        "nn.leaky_relu": "LeakyRelu alpha:negative_slope",
        "nn.log_softmax": "LogSoftmax axis",
        "nn.softmax": "Softmax axis",
        "one_hot": "OneHot depth:num_classes axis",
        "ones_like": "OnesLike",
        "repeat": "Repeat repeats axis",
        "reshape": "Reshape shape:newshape",
        "reverse": "Flip axis",
        "split": "Split num_or_size_splits:indices_or_sections axis",
        "stack": "Stack axis",
        "stop_gradient": "StopGradient",
        "tile": "Tile multiples:repeats",
        "transpose": "Transpose perm:axes",
        "unstack": "Unstack axis",
        "where": "Where x:x1 y:x2",
        "zeros_like": "ZerosLike",
    }
)
#: What TensorFlow takes where a file says nothing, and ours doesn't.
_DEFAULTS = {
    "nn.gelu": {"approximate": False},
    "nn.leaky_relu": {"negative_slope": 0.2},
    "stack": {"axis": 0},
    "concat": {"axis": 0},
    "split": {"axis": 0},
    "math.argmax": {"axis": 0},
    "math.argmin": {"axis": 0},
    "math.cumsum": {"axis": 0},
}
#: The classes of layers that stand for such functions.
CLASSES = ("TFOpLambda", "SlicingOpLambda", "ClassMethod", "InstanceMethod", "TensorFlowOpLayer")


def modern_call(entry: dict[str, Any], args: list[Any], kwargs: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of an op's call, from those of the function that a layer of Keras 2 stands for.

    Raises:
        FileFormatError: there is no op for it, or none with these arguments.
    """
    function = entry["config"].get("function", "")
    if function == "__operators__.getitem":
        return [*args, _key(kwargs.get("slice_spec"))], {}
    renames = {name.partition(":")[0]: name.rpartition(":")[2] for name in _OPS[function].split()[1:]}
    # What is empty means the default; names and the like have no counterpart.
    given = {
        renames.get(key, key): value for key, value in kwargs.items() if key in renames or (value and key != "name")
    }
    unknown = sorted(set(given) - set(renames.values()))
    if unknown:
        raise FileFormatError(
            f"The file calls TensorFlow's function {function!r} in {entry['name']!r} with {unknown}, for which there is no "
            "translation. Write that part as a layer, and load the weights with load_weights(by_name=True)."
        )
    if isinstance(given.get("mode"), str):
        given["mode"] = given["mode"].lower()
    if function == "split" and isinstance(given["indices_or_sections"], list):
        sizes = given["indices_or_sections"]
        given["indices_or_sections"] = [sum(sizes[: i + 1]) for i in range(len(sizes) - 1)]
    return args, _DEFAULTS.get(function, {}) | given


def modern_op(entry: dict[str, Any]) -> dict[str, Any]:
    """The op's entry in a graph, without its calls.

    Raises:
        FileFormatError: there is no op for the function.
    """
    function = entry["config"].get("function")
    name = "GetItem" if function == "__operators__.getitem" else _OPS.get(str(function), "").partition(" ")[0]
    if not name:
        raise FileFormatError(
            f"The file's graph calls TensorFlow's function {function!r} in {entry.get('name')!r}, for which there is no "
            "translation. Write that part as a layer, and load the weights with load_weights(by_name=True)."
        )
    return {
        "module": "keras.src.ops.numpy",
        "class_name": name,
        "config": {"name": entry["name"]},
        "name": entry["name"],
    }


def _key(spec: Any) -> Any:
    """An index, as files of Keras 3 hold it."""
    if isinstance(spec, list):
        return [_key(part) for part in spec]
    if isinstance(spec, dict) and spec.get("class_name") == "__ellipsis__":
        return {"class_name": "__ellipsis__", "config": {}}
    if isinstance(spec, dict) and "start" in spec:
        return {"class_name": "__slice__", "config": spec}
    return spec

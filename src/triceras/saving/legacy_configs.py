"""Configurations of Keras 2, and the short ones in ``.h5`` files, as those that ``.keras`` files of Keras 3 hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from triceras.core import objects
from triceras.core.errors import FileFormatError
from triceras.saving import legacy_ops

Config = dict[str, Any]

#: Classes that have another name now.
_CLASSES = {
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "GRUV1": "GRU",
    "GRUV2": "GRU",
    "LSTMV1": "LSTM",
    "LSTMV2": "LSTM",
    "LossScaleOptimizerV3": "LossScaleOptimizer",
    "SyncBatchNormalization": "BatchNormalization",
}
_MODELS = ("Functional", "Model", "Sequential")
_RECURRENT = ("RNN", "LSTM", "GRU", "SimpleRNN", "Bidirectional", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")
#: Arguments that are gone: what any layer had, and what some had, by the end of their class's name.
_GONE = ("batch_input_shape", "input_length", "implementation", "time_major")
_GONE_FROM = {
    "BatchNormalization": "adjustment fused virtual_batch_size",
    "DepthwiseConv1D": "filters groups",
    "DepthwiseConv2D": "filters groups",
    "SeparableConv1D": "groups kernel_initializer kernel_regularizer kernel_constraint",
    "SeparableConv2D": "groups kernel_initializer kernel_regularizer kernel_constraint",
    "Conv1DTranspose": "groups",
    "Conv2DTranspose": "groups",
    "Conv3DTranspose": "groups",
    "MultiHeadAttention": "query_shape key_shape value_shape softmax_robust_masking",
    "Attention": "causal",
    "LossScaleOptimizer": "dynamic",
}
#: Argument -> its name now, by class.
_RENAMED = {"InputLayer": {"batch_input_shape": "batch_shape"}, "LeakyReLU": {"alpha": "negative_slope"}}
#: What an argument was where a file doesn't tell.
_ABSENT = {"GRU": {"reset_after": False}, "GRUCell": {"reset_after": False}}
#: Arguments whose values can't be brought over, unless they are these.
_ONLY = {"time_major": False, "causal": False}


def is_of_keras_2(metadata: Any) -> bool:
    """Whether a file says that Keras 2 wrote it.

    Example:
        >>> is_of_keras_2({"keras_version": "2.15.0"})
        True
    """
    return isinstance(metadata, dict) and str(metadata.get("keras_version")).startswith("2.")


def modern_model(config: Any, source: str = "The file") -> Config:
    """A model's or layer's configuration, with modules named and calls as Keras 3 tells them.

    Args:
        config: what Keras 2 wrote, or what an ``.h5`` file of Keras 3 holds; not changed.
        source: what it is from, for errors.

    Raises:
        FileFormatError: it is no configuration, or holds what has no counterpart.

    Example:
        >>> old = {"class_name": "InputLayer", "config": {"batch_input_shape": [None, 3], "name": "x"}}
        >>> modern_model(old)["config"]
        {'batch_shape': [None, 3], 'name': 'x'}
    """
    if not (isinstance(config, dict) and isinstance(config.get("class_name"), str) and "config" in config):
        raise FileFormatError(f"{source} holds no configuration of a model: it has no class_name or no config.")
    try:
        return _layer(config)
    except (TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise FileFormatError(f"{source} holds a configuration that is damaged: {error!r}.") from error


def _modern_name(name: str) -> str:
    return _CLASSES.get(name, name)


def _layer(entry: Config) -> Config:
    name = _modern_name(entry["class_name"])
    is_custom = objects.get_registered_object(entry.get("registered_name") or name) is not None
    if "compile_config" in entry:
        entry = {**entry, "compile_config": modern_compile_config(entry["compile_config"])}
    if name == "Lambda" and not is_custom:
        return _named(entry, name, _lambda(dict(entry["config"])))
    if name in _MODELS and not is_custom and ("layers" in entry["config"] or isinstance(entry["config"], list)):
        return _model(entry, name)
    module = entry.get("module")
    is_ours = module is None or objects.room_of_module(module) is not None
    if is_custom or not is_ours or objects.get_builtin("layers", name) is None:
        return {**entry, "config": _values(entry["config"])}
    return _named(entry, name, _arguments(name, entry["config"]))


def _named(entry: Config, name: str, config: Config) -> Config:
    """An entry of a built-in class, which is built when its model is."""
    kept = {key: entry[key] for key in ("name", "inbound_nodes", "compile_config") if key in entry}
    module = (
        "keras" if name == "Sequential" else "keras.src.models.functional" if name == "Functional" else "keras.layers"
    )
    return {"module": module, "class_name": name, "config": config, "registered_name": None} | kept


def _arguments(name: str, config: Config) -> Config:
    for key, value in _ONLY.items():
        if config.get(key, value) != value:
            raise FileFormatError(
                f"The file's layer {config.get('name')!r} ({name}) has {key}={config[key]!r}, which is gone."
            )
    renamed = _RENAMED.get(name, {})
    gone = {*_GONE, *_GONE_FROM.get(name, "").split()} - set(renamed)
    found = {renamed.get(key, key): _value(key, value) for key, value in config.items() if key not in gone}
    axis = found.get("axis")
    if name == "BatchNormalization" and isinstance(axis, list) and len(axis) == 1:
        found["axis"] = axis[0]
    return _ABSENT.get(name, {}) | found


def _values(value: Any) -> Any:
    return {key: _value(key, v) for key, v in value.items()} if isinstance(value, dict) else value


def _value(key: str, value: Any) -> Any:
    """A value in a configuration: layers inside, and policies, which are their names."""
    if isinstance(value, list):
        return [_value(key, v) for v in value]
    if not isinstance(value, dict):
        return value
    name = value.get("class_name")
    if key == "dtype" and name in ("Policy", "PolicyV1"):
        return value["config"]["name"]
    if isinstance(name, str) and isinstance(value.get("config"), dict):
        is_layer = objects.get_builtin("layers", _modern_name(name)) is not None or name in _MODELS
        if is_layer and objects.room_of_module(value.get("module")) in (None, "", "layers", "models", "engine"):
            return _layer(value)
    return value


def _lambda(config: Config) -> Config:
    """The arguments of a ``Lambda``: its functions are code or names."""
    found = {key: value for key, value in config.items() if not key.endswith(("_type", "module"))}
    for key in ("function", "output_shape", "mask"):
        value, kind = config.get(key), config.get(f"{key}_type")
        if kind == "lambda" or (key == "function" and isinstance(value, list)):
            found[key] = {"class_name": "__lambda__", "config": {"value": value}}
        elif kind == "function" or (key == "function" and isinstance(value, str)):
            found[key] = {"module": "builtins", "class_name": "function", "config": value}
        elif value is None:
            found.pop(key, None)
    return found


# ---- models ----------------------------------------------------------------------------------------------------------


def _model(entry: Config, name: str) -> Config:
    config = entry["config"]
    if isinstance(config, list):
        config = {"layers": config}
    if name == "Sequential":
        return _named(entry, name, _values({**config, "layers": []}) | {"layers": _stack(config["layers"])})
    entries = config["layers"]
    if any(isinstance(node, dict) and "args" in node for e in entries for node in e["inbound_nodes"]):
        layers = [_op_of_keras_3(e) or _layer(e) for e in entries]
        return _named(entry, "Functional", {**config, "layers": layers})
    graph = _Graph(config)
    ends = {key: graph.ends(config[key], key == "output_layers") for key in ("input_layers", "output_layers")}
    kept = {key: config[key] for key in ("name", "trainable") if key in config}
    return _named(entry, "Functional", kept | {"layers": list(map(graph.modern, entries))} | ends)


def _stack(entries: list[Config]) -> list[Config]:
    """A sequential model's layers; the first one's shape is an input of its own."""
    layers = [_layer(e) for e in entries]
    first = entries[0]["config"] if entries and isinstance(entries[0]["config"], dict) else {}
    shape = first.get("batch_input_shape")
    if shape is not None and layers[0]["class_name"] != "InputLayer":
        dtype = first.get("dtype") if isinstance(first.get("dtype"), str) else "float32"
        config = {"batch_shape": shape, "dtype": dtype, "name": f"{first.get('name', 'first')}_input"}
        layers.insert(0, {"module": "keras.layers", "class_name": "InputLayer", "config": config})
    return layers


def _op_of_keras_3(entry: Config) -> Config | None:
    """The call of an op, or None; ``.h5`` files don't say where classes are from."""
    name, config = entry["class_name"], entry["config"]
    is_layer = name == "InputLayer" or name in _MODELS or "trainable" in config
    if objects.room_of_module(entry.get("module")) == "ops":
        return entry
    if entry.get("module") is not None or is_layer or objects.get_registered_object(name) is not None:
        return None
    return {**entry, "module": "keras.src.ops.numpy"}


class _Graph:
    """The calls in a functional model of Keras 2.

    Models inside were called once when they were made, and files may count that call: their outputs are then numbered from one.
    """

    def __init__(self, config: Config) -> None:
        entries = config["layers"]
        self._calls = {e["name"]: len(e["inbound_nodes"]) for e in entries}
        self._functional = {e["name"] for e in entries if e["class_name"] in ("Functional", "Model")}
        self._last: dict[str, int] = {}
        self._walk([[e["inbound_nodes"] for e in entries], config["output_layers"]], self._note)

    def _is_reference(self, value: Any) -> bool:
        is_triple = isinstance(value, list) and len(value) in (3, 4) and isinstance(value[0], str)
        return is_triple and value[0] in self._calls and isinstance(value[1], int) and isinstance(value[2], int)

    def _walk(self, value: Any, visit: Callable[[list[Any]], None]) -> None:
        if self._is_reference(value):
            visit(value)
        for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            self._walk(part, visit)

    def _note(self, reference: list[Any]) -> None:
        self._last[reference[0]] = max(reference[1], self._last.get(reference[0], 0))

    def ends(self, value: Any, are_outputs: bool) -> Any:
        """The inputs or outputs of the model; one alone is itself. Files of Keras 3 number outputs from models from one."""
        found = self.reference(value)
        if are_outputs:
            self._walk(
                found, lambda reference: reference.__setitem__(1, reference[1] + (reference[0] in self._functional))
            )
        return found[0] if isinstance(found, list) and len(found) == 1 else found

    def reference(self, value: Any) -> Any:
        """The same outputs, numbered from zero."""
        if isinstance(value, dict):
            return {key: self.reference(v) for key, v in value.items()}
        if not self._is_reference(value):
            if not isinstance(value, list):
                raise TypeError(f"{value!r} isn't the output of a layer")
            return [self.reference(v) for v in value]
        name, index, tensor_index = value[:3]
        return [name, index - max(0, self._last.get(name, 0) - max(self._calls[name] - 1, 0)), tensor_index]

    def modern(self, entry: Config) -> Config:
        """A layer's entry and its calls."""
        is_op = entry["class_name"] in legacy_ops.CLASSES
        layer = legacy_ops.modern_op(entry) if is_op else _layer(entry)
        calls = [self._call(entry, node) for node in entry["inbound_nodes"]]
        if is_op:
            calls = [legacy_ops.modern_call(entry, *call) for call in calls]
        return layer | {"name": entry["name"], "inbound_nodes": [{"args": a, "kwargs": k} for a, k in calls]}

    def _call(self, entry: Config, node: Any) -> tuple[list[Any], Config]:
        if isinstance(node, dict):
            first = next(iter(node.values()))
            return [{key: self._tensor(part) for key, part in node.items()}], self._kwargs(first)
        if node and not isinstance(node[0], list):
            return [self._tensor(node)], self._kwargs(node)
        tensors, kwargs = [self._tensor(part) for part in node], self._kwargs(node[0])
        if len(tensors) == 1:
            return tensors, kwargs
        if _modern_name(entry["class_name"]) in _RECURRENT:
            return tensors[:1], kwargs | {"initial_state": tensors[1:]}
        return [tensors], kwargs

    def _kwargs(self, part: list[Any]) -> Config:
        return {key: self._tensors(value) for key, value in (part[3] if len(part) > 3 else {}).items()}

    def _tensors(self, value: Any) -> Any:
        if self._is_reference(value) or (isinstance(value, list) and value[:1] == ["_CONSTANT_VALUE"]):
            return self._tensor(value)
        if isinstance(value, dict):
            return {key: self._tensors(v) for key, v in value.items()}
        return [self._tensors(v) for v in value] if isinstance(value, list) else value

    def _tensor(self, part: list[Any]) -> Any:
        if part[0] == "_CONSTANT_VALUE":
            return part[2]
        return {"class_name": "__keras_tensor__", "config": {"keras_history": self.reference(part)}}


# ---- compiling -------------------------------------------------------------------------------------------------------


def modern_compile_config(config: Config) -> Config:
    """The arguments of ``compile``; those that say nothing are left out.

    Example:
        >>> modern_compile_config({"loss": "mse", "loss_weights": None, "optimizer": "sgd"})
        {'loss': 'mse', 'optimizer': 'sgd'}
    """
    found = {key: value for key, value in config.items() if value is not None and key != "optimizer_config"}
    optimizer = config.get("optimizer_config", config.get("optimizer"))
    parts = {"loss": _loss, "metrics": _metric, "weighted_metrics": _metric}
    found |= {key: _each(found[key], change) for key, change in parts.items() if key in found}
    return found | ({"optimizer": _optimizer(optimizer)} if optimizer is not None else {})


def _each(value: Any, change: Callable[[Config], Any]) -> Any:
    if isinstance(value, list):
        return [_each(v, change) for v in value]
    if isinstance(value, dict):
        return change(value) if "class_name" in value else {key: _each(v, change) for key, v in value.items()}
    return value


def _in_room(entry: Config, room: str, config: Config) -> Config:
    """An entry that names its module, unless it is a custom object."""
    name = entry["class_name"].removeprefix("Custom>")
    known = objects.get_registered_object(entry["class_name"]) or objects.get_registered_object(name)
    name = _modern_name(name)
    module = entry.get("module") if known is not None else f"keras.{room}"
    return {"module": module, "class_name": name, "config": config, "registered_name": entry.get("registered_name")}


def _loss(entry: Config) -> Config:
    config = {
        key: value
        for key, value in entry["config"].items()
        if key != "fn" or entry["class_name"] == "LossFunctionWrapper"
    }
    if config.get("reduction") == "auto":
        config["reduction"] = "sum_over_batch_size"
    return _in_room(entry, "losses", config)


def _metric(entry: Config) -> Any:
    config = dict(entry["config"])
    if entry["class_name"] != "MeanMetricWrapper":
        return _in_room(entry, "metrics", config)
    function = config.pop("fn")
    function = function if isinstance(function, str) else function["config"]
    camel = "".join(part.capitalize() for part in function.split("_"))
    return (
        function
        if objects.get_builtin("metrics", camel) is None
        else _in_room({"class_name": camel}, "metrics", config)
    )


def _optimizer(entry: Any) -> Any:
    if not isinstance(entry, dict):
        return entry
    config = {key: value for key, value in entry["config"].items() if key not in ("is_legacy_optimizer", "jit_compile")}
    inner = config.get("inner_optimizer")
    if inner is not None:
        found = _in_room(entry, "optimizers", config | {"inner_optimizer": _optimizer(inner)})
        found["config"].pop("dynamic", None)
        return found
    if "lr" in config:
        config["learning_rate"] = config.pop("lr")
    rate, decay = config.get("learning_rate"), config.pop("decay", 0)
    if isinstance(rate, dict):
        config["learning_rate"] = _in_room(rate, "optimizers.schedules", rate["config"])
    elif decay and entry["class_name"] != "Nadam":  # its own is another thing, and fixed now
        schedule = {"initial_learning_rate": rate, "decay_steps": 1, "decay_rate": decay}
        config["learning_rate"] = _in_room({"class_name": "InverseTimeDecay"}, "optimizers.schedules", schedule)
    return _in_room(entry, "optimizers", config)

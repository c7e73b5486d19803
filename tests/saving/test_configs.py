"""Every class with a config: all arguments of its constructor are in it, and it makes the same object again."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable
from typing import Any

import pytest

import triceras
from tests.layers.rows_core import saved_lambda
from tests.layers.table import Row
from tests.saving import cross, tables
from triceras import layers, saving
from triceras.backends import registry

#: What every layer takes, given where a row doesn't say otherwise.
COMMON: dict[str, Any] = {
    "name": "given",
    "trainable": False,
    "dtype": "mixed_bfloat16",
    "activity_regularizer": "l2",
}
#: Arguments that no config has: they concern how an object is used or made, not what it is.
NEVER = {"autocast", "weights", "use_cudnn"}
#: Arguments whose other values don't exist yet.
NO_OTHER_VALUE = {"quantization_config"}
#: Class -> arguments that aren't in its config, and why.
LEFT_OUT: dict[str, dict[str, str]] = {
    "ActivityRegularization": {"activity_regularizer": "it is made of l1 and l2"},
    "AdditiveAttention": {"score_mode": "there is one"},
    "GroupedQueryAttention": dict.fromkeys(
        "attention_axes value_dim flash_attention num_heads key_dim output_shape".split(), "of its base alone"
    ),
    "EinsumDense": {"gptq_unpacked_column_size": "no quantizers yet"},
    **{
        name: {"cell": "its arguments are the layer's own"}
        for name in "SimpleRNN LSTM GRU ConvLSTM1D ConvLSTM2D ConvLSTM3D".split()
    },
    "LossScaleOptimizer": dict.fromkeys(
        "weight_decay clipnorm clipvalue global_clipnorm use_ema ema_momentum ema_overwrite_frequency loss_scale_factor "
        "gradient_accumulation_steps learning_rate".split(),
        "the inner optimizer's",
    ),
    "MultiOptimizer": dict.fromkeys(
        "weight_decay clipnorm clipvalue global_clipnorm use_ema ema_momentum ema_overwrite_frequency "
        "gradient_accumulation_steps learning_rate".split(),
        "each optimizer's own",
    ),
    "InputLayer": dict.fromkeys(
        ("shape", "batch_size", "input_tensor", "activity_regularizer", "trainable"),
        "part of batch_shape, or nothing's",
    ),
    **{
        f"SpatialDropout{n}D": dict.fromkeys(("trainable", "activity_regularizer"), "as in Keras")
        | {"noise_shape": "follows from the rank"}
        for n in (1, 2, 3)
    },
}
#: Classes that are made by calling them with what can't be in a file, or only are bases.
BASES = set(
    "Initializer Regularizer Constraint Loss LossFunctionWrapper Metric MeanMetricWrapper Optimizer LearningRateSchedule "
    "RandomInitializer Layer InputSpec Input TFSMLayer TFModuleWrapper TorchModuleWrapper "
    "JaxLayer FlaxLayer".split()
)


#: A row's arguments, and what makes its object.
Made = tuple[dict[str, Any], Callable[[], Any]]


@functools.cache
def _rows() -> dict[type, list[Made]]:
    found: dict[type, list[Made]] = {}
    for path, kwargs in tables.OBJECTS:
        make = functools.partial(tables.made, (path, kwargs), triceras)
        found.setdefault(tables.named(path, triceras), []).append((kwargs, make))
    for row in cross.LAYERS:
        if isinstance(row.layer, str) and row.file:
            cls = getattr(layers, row.layer)
            takes = _parameters(cls).keys() - LEFT_OUT.get(row.layer, {}).keys()
            common = {name: value for name, value in COMMON.items() if name in takes}
            kwargs = common | (row.kwargs if row.config is None else row.config)
            found.setdefault(cls, []).append((kwargs, functools.partial(Row(row.layer, kwargs, ()).build, layers)))
    given = dict.fromkeys(("function", "output_shape", "mask", "arguments"), "given")
    found[layers.Lambda] = [(COMMON | given, functools.partial(saved_lambda, layers, **COMMON))]
    return found


@functools.cache
def _exported() -> set[type]:
    rooms = [tables.named(room, triceras) for room in tables.ROOMS]
    values = [getattr(room, name) for room in rooms for name in room.__all__]
    return {value for value in values if inspect.isclass(value) and hasattr(value, "get_config")}


@functools.cache
def _parameters(cls: type) -> dict[str, inspect.Parameter]:
    """The arguments of a class and of those public bases that it hands more on to."""
    found: dict[str, inspect.Parameter] = {}
    for base in cls.__mro__:
        if "__init__" not in vars(base) or base not in (*_exported(), cls):
            continue
        parameters = list(inspect.signature(base.__init__).parameters.values())[1:]
        named = {p.name: p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
        found = named | found
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return found


CLASSES = sorted((cls for cls in _exported() if cls.__name__ not in BASES), key=lambda cls: cls.__name__)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_configs_are_complete(cls: type) -> None:
    rows = _rows().get(cls)
    assert rows, f"{cls.__name__} has no row in tests/saving/tables.py or tests/layers"
    parameters = _parameters(cls)
    needed = parameters.keys() - NEVER - LEFT_OUT.get(cls.__name__, {}).keys()
    written: set[str] = set()
    away: set[str] = set()
    with registry.backend_scope("numpy"):
        for kwargs, make in rows:
            made = make()
            config, text = made.get_config(), json.dumps(saving.serialize_keras_object(made))
            assert json.dumps(saving.serialize_keras_object(type(made).from_config(config))) == text
            assert json.dumps(saving.serialize_keras_object(saving.deserialize_keras_object(json.loads(text)))) == text
            written |= config.keys()
            away |= {name for name, value in kwargs.items() if name in parameters and _is_away(parameters[name], value)}
    assert needed - written == set(), f"not in the config of {cls.__name__}"
    assert needed - away - NO_OTHER_VALUE == set(), f"no row of {cls.__name__} has these away from their defaults"


def _is_away(parameter: inspect.Parameter, value: Any) -> bool:
    default = parameter.default
    return default is parameter.empty or type(value) is not type(default) or value != default

"""A layer called inside a model's call gives what it gives by itself, on the short way as on the whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from triceras import Input, Model, Sequential, layers, ops, random, utils
from triceras.models import functional, sequential


class Doubled(layers.Dense):
    """A layer whose call does more than ``Layer.__call__``."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return 2 * super().__call__(*args, **kwargs)


class Noted(layers.Layer):
    """A layer that makes a mask where there is none."""

    def call(self, inputs: Any) -> Any:
        return inputs

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        return ops.any(inputs > 0, axis=-1)


def joined() -> Model:
    x = Input((4,))
    y = layers.LayerNormalization()(layers.Dense(4, activation="relu")(x))
    y = layers.Concatenate()([layers.Add()([x, y]), x, layers.Dropout(0.5)(y)])
    return Model(x, layers.Dense(2)(y))


def masked() -> Model:
    x = Input((3, 4))
    y = layers.Add()([Noted()(x), layers.Masking(0.0)(x)])
    return Model(x, layers.LSTM(3)(y))


def mixed() -> Model:
    x = Input((4,))
    y = layers.Dense(4, dtype="mixed_bfloat16")(x)
    return Model(x, layers.Dense(2, activity_regularizer="l2")(layers.Dense(3)(y)))


def nested() -> Sequential:
    inner = Sequential([layers.Dense(3), layers.BatchNormalization(), layers.Dropout(0.5)])
    return Sequential([Input((4,)), Doubled(4), inner, layers.Dense(2, dtype="float64")])


@pytest.mark.parametrize("training", [None, False, True])
@pytest.mark.parametrize("build", [joined, masked, mixed, nested])
def test_the_short_way_gives_the_same(
    backend: Any, build: Callable[[], Model], training: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Values, dtypes, losses and updated statistics, with masks, other dtypes, and calls that do more."""
    results = []
    for short in (True, False):
        with monkeypatch.context() as patch:
            if not short:
                for module in (functional, sequential):
                    patch.setattr(module, "call_inside", lambda layer, x: layer(x))
            utils.set_random_seed(3)
            model = build()
            x = random.normal((5, *model.input_shape[1:]), seed=1)
            x = ops.where(ops.abs(x) < 0.3, 0.0, x)
            y = model(x, training=training)
            values = [y, *model.losses, *(v.value for v in model.variables)]
            results.append([ops.dtype(y), *(ops.convert_to_numpy(ops.cast(v, "float32")) for v in values)])
    assert len(results[0]) == len(results[1])
    for short, whole in zip(*results, strict=True):
        np.testing.assert_array_equal(short, whole)


def test_errors_inside_name_the_layer(backend: Any) -> None:
    """An input that doesn't fit a layer inside is reported with that layer's name, whatever raises."""

    class Broken(layers.Layer):
        def call(self, inputs: Any) -> Any:
            raise ValueError("not today")

        def compute_output_shape(self, input_shape: Any) -> Any:
            return input_shape

    x = Input((4,))
    model = Model(x, layers.Dense(2)(Broken(name="broken")(x)))
    with pytest.raises(ValueError, match="not today") as caught:
        model(np.zeros((2, 4), "float32"))
    assert any("broken" in note for note in caught.value.__notes__)
    varying = Sequential([layers.Lambda(lambda t: t[:, :3]), layers.Dense(2, name="narrow")])
    varying(np.zeros((2, 3), "float32"))
    varying.layers[0].function = lambda t: t[:, :2]
    with pytest.raises(ValueError, match=r"narrow.*expected axis -1 to have size 3, received size 2"):
        varying(np.zeros((2, 3), "float32"))

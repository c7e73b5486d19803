"""Layers over one to three spatial axes: what a row of the table doesn't say."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import triceras
from tests import black_box
from tests.layers.rows_convolution import BY_RANK, first
from tests.layers.table import integers, normal
from triceras import layers, models, ops
from triceras.backends import registry
from triceras.graph import KerasTensor

BACKENDS = registry.available_backends()
CONV, KERNEL = {"filters": 3, "kernel_size": 2}, {"kernel_size": 2}
#: Class without its rank -> arguments, ranks.
FAMILIES: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "Conv": (CONV, (1, 2, 3)),
    "SeparableConv": (CONV, (1, 2)),
    "DepthwiseConv": (KERNEL, (1, 2)),
    "MaxPooling": ({"pool_size": 2}, (1, 2, 3)),
    "AveragePooling": ({"pool_size": 2}, (1, 2, 3)),
    "GlobalMaxPooling": ({}, (1, 2, 3)),
    "GlobalAveragePooling": ({}, (1, 2, 3)),
    "AdaptiveMaxPooling": ({"output_size": 2}, (1, 2, 3)),
    "AdaptiveAveragePooling": ({"output_size": 2}, (1, 2, 3)),
    "Cropping": ({"cropping": 1}, (1, 2, 3)),
    "ZeroPadding": ({"padding": 2}, (1, 2, 3)),
    "UpSampling": ({"size": 2}, (1, 2, 3)),
}
LAYERS: dict[str, tuple[dict[str, Any], int]] = {
    **{f"{name}{rank}D": (kwargs, rank) for name, (kwargs, ranks) in FAMILIES.items() for rank in ranks},
    **{f"Conv{rank}DTranspose": (CONV | {"strides": 2}, rank) for rank in (1, 2, 3)},
}
#: No data format: always channels last.
LAST_ONLY = ("Cropping1D", "UpSampling1D")
EVERY_LAYER = pytest.mark.parametrize("name", LAYERS)


def _host(x: Any) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(x))


def _made(name: str, inputs: np.ndarray, **more: Any) -> Any:
    layer = getattr(layers, name)(**LAYERS[name][0], **more)
    layer(inputs)
    layer.set_weights([normal(*w.shape, seed=i) for i, w in enumerate(layer.weights)])
    return layer


def _on_all(function: Any) -> list[Any]:
    results = []
    for backend in BACKENDS:
        with registry.backend_scope(backend):
            results.append(function())
    return results


def _close(values: list[np.ndarray], expected: np.ndarray, message: str = "") -> None:
    for backend, value in zip(BACKENDS, values, strict=True):
        assert value.shape == expected.shape, f"{message} on {backend}"
        assert value.dtype == expected.dtype, f"{message} on {backend}"
        np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-5, err_msg=f"{message} on {backend}")


# ---- shapes ----------------------------------------------------------------------------------------------------------


@EVERY_LAYER
def test_another_shape_at_the_second_call(name: str) -> None:
    """A built layer takes other spatial sizes, and gives what a new one with its weights gives."""
    rank = LAYERS[name][1]
    small, large = BY_RANK[rank], normal(3, *(9, 8, 7)[:rank], 4)

    def again() -> np.ndarray:
        return _host(_made(name, small)(large))

    with registry.backend_scope("numpy"):
        expected = _host(_made(name, large)(large))
    _close(_on_all(again), expected, name)


@EVERY_LAYER
def test_no_samples(name: str) -> None:
    """An empty batch gives an empty batch, of the shape that is told."""
    empty = BY_RANK[LAYERS[name][1]][:0]

    def call() -> tuple[Any, Any]:
        layer = _made(name, BY_RANK[LAYERS[name][1]])
        return _host(layer(empty)).shape, layer.compute_output_shape(empty.shape)

    for backend, (shape, told) in zip(BACKENDS, _on_all(call), strict=True):
        assert shape == told, f"{name} on {backend}"
        assert shape[0] == 0, f"{name} on {backend}"


@pytest.mark.parametrize("name", [name for name in LAYERS if name not in LAST_ONLY])
def test_channels_first_is_channels_last_moved(name: str) -> None:
    """The data format says where the channels stand, and nothing else."""
    inputs = BY_RANK[LAYERS[name][1]]

    def moved() -> np.ndarray:
        return _host(_made(name, first(inputs), data_format="channels_first")(first(inputs)))

    with registry.backend_scope("numpy"):
        expected = _host(_made(name, inputs)(inputs))
    _close(_on_all(moved), first(expected) if expected.ndim > 2 else expected, name)


_SHAPES = """
def answer(row):
    name, kwargs, shape = row
    return list(getattr(keras.layers, name)(**kwargs).compute_output_shape(tuple(shape)))
"""


@pytest.mark.slow
def test_shapes_with_unknown_sizes_are_those_of_keras() -> None:
    """Whatever of a shape is unknown, the shape of the outputs is what Keras tells."""
    rows = []
    for name, (kwargs, rank) in LAYERS.items():
        paddings = (
            ("valid", "same") if "Conv" in name or name in (f"MaxPooling{rank}D", f"AveragePooling{rank}D") else ("",)
        )
        for padding in paddings:
            for last in (True,) if name in LAST_ONLY else (True, False):
                more = ({"padding": padding} if padding else {}) | ({} if last else {"data_format": "channels_first"})
                for known in (None, 8):
                    sizes = [known, *(9, 8)[: rank - 1]]
                    rows += [[name, kwargs | more, [None, *sizes, 4] if last else [None, 4, *sizes]]]
    for (name, kwargs, shape), expected in zip(rows, black_box.run(_SHAPES, rows), strict=True):
        layer = getattr(layers, name)(**kwargs)
        found = layer.compute_output_shape(tuple(shape))
        assert list(found) == expected, f"{name} {kwargs} {shape}"
        assert isinstance(found, tuple)
        assert layer(KerasTensor(tuple(shape), "float32")).shape == found


# ---- dtypes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("dtype", ["int32", "uint8", "bool"])
@EVERY_LAYER
def test_integers(name: str, dtype: str, policy: str) -> None:
    """What moves or chooses numbers keeps their dtype, what computes gives the compute dtype; symbols tell the same."""
    shape = (2, *(6, 5, 4)[: LAYERS[name][1]], 3)
    inputs = integers(0, 2 if dtype == "bool" else 9, *shape).astype(dtype)

    def call() -> tuple[str, str]:
        layer = getattr(layers, name)(**LAYERS[name][0], dtype=policy)
        symbol = layer(KerasTensor(shape, dtype))
        return symbol.dtype, ops.dtype(layer(inputs))

    keeps = "Conv" not in name and "Average" not in name
    expected = dtype if keeps else policy.removeprefix("mixed_")
    for backend, found in zip(BACKENDS, _on_all(call), strict=True):
        assert found == (expected, expected), f"{name} on {backend}"


@pytest.mark.parametrize("kind", ["AveragePooling", "GlobalAveragePooling", "AdaptiveAveragePooling", "MaxPooling"])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_float16_stays_finite(kind: str, rank: int) -> None:
    """A mean of numbers whose sum float16 can't hold, and padding beside the lowest numbers."""
    inputs = np.full((1, *(4,) * rank, 2), -60000.0, "float16")
    name = f"{kind}{rank}D"
    more = {"padding": "same", "pool_size": 3} if kind in ("MaxPooling", "AveragePooling") else {}

    def call() -> np.ndarray:
        return _host(getattr(layers, name)(**LAYERS[name][0] | more, dtype="float16")(inputs))

    for backend, value in zip(BACKENDS, _on_all(call), strict=True):
        np.testing.assert_allclose(value.astype("float32"), -60000.0, rtol=2e-3, err_msg=f"{name} on {backend}")


# ---- errors after the first call -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in LAYERS if "Conv" in name])
def test_other_channels_at_the_second_call(name: str) -> None:
    """A built convolution refuses another number of channels, and unknown ones before it is built."""
    inputs = BY_RANK[LAYERS[name][1]]

    def call() -> None:
        layer = _made(name, inputs)
        with pytest.raises(
            ValueError, match=f"of layer '{layer.name}' doesn't fit: expected axis -1 to have size 4, received"
        ):
            layer(inputs[..., :3])
        with pytest.raises(ValueError, match="channels must be known"):
            getattr(layers, name)(**LAYERS[name][0])(KerasTensor((None,) * inputs.ndim, "float32"))
        with pytest.raises(ValueError, match=f"inputs have {inputs.ndim} axes: the batch, .* received the shape"):
            getattr(layers, name)(**LAYERS[name][0]).build((None, *inputs.shape))

    _on_all(call)


@pytest.mark.parametrize(
    "name", [n for n in LAYERS if n.startswith(("Cropping", "MaxP", "Average")) or ("Conv" in n and "Trans" not in n)]
)
def test_too_small_at_the_second_call(name: str) -> None:
    """Inputs that a window doesn't fit are refused at any call, on any backend."""
    inputs = BY_RANK[LAYERS[name][1]]

    def call() -> None:
        layer = _made(name, inputs)
        with pytest.raises(ValueError, match=f"Layer '{layer.name}': .*(doesn't fit an axis of 1|leaves nothing)"):
            layer(inputs[:, :1])

    _on_all(call)


# ---- files -----------------------------------------------------------------------------------------------------------

_OPEN = """
import sys, numpy as np, keras
model = keras.models.load_model(sys.argv[1])
data = np.load(sys.argv[3])
expected = [data[f"arr_{i}"] for i in range(len(model.outputs))]
for layer, a, b in zip(model.output_names, model.predict(data["x"], verbose=0), expected):
    np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5, err_msg=layer)
model.save(sys.argv[2])
"""


@pytest.mark.slow
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_files_go_to_keras_and_back(rank: int, tmp_path: pathlib.Path) -> None:
    """A model with every layer of a rank, written here, opened and written by Keras, opened here again."""
    inputs = BY_RANK[rank]
    with registry.backend_scope("torch"):
        x = triceras.Input(inputs.shape[1:])
        made = [getattr(layers, name)(**kwargs) for name, (kwargs, of) in LAYERS.items() if of == rank]
        made += [layers.Conv1D(2, 3, padding="causal")] if rank == 1 else []
        outputs = [layer(x) for layer in made]
        outputs.append(layers.RepeatVector(3)(next(y for y in outputs if len(y.shape) == 2)))
        model = triceras.Model(x, outputs)
        model.save(tmp_path / "ours.keras")
        expected = [np.asarray(y) for y in model.predict(inputs, verbose=0)]
    np.savez(tmp_path / "data.npz", *expected, x=inputs)
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    paths = [str(tmp_path / file) for file in ("ours.keras", "theirs.keras", "data.npz")]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _OPEN, *paths], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for backend in BACKENDS:
        with registry.backend_scope(backend):
            again = models.load_model(paths[1])
            assert [type(again.get_layer(layer.name))._origin for layer in made] == [
                type(layer)._origin for layer in made
            ]
            for layer, a, b in zip(made, again.predict(inputs, verbose=0), expected, strict=False):
                np.testing.assert_allclose(np.asarray(a), b, rtol=1e-5, atol=1e-5, err_msg=f"{layer.name} on {backend}")


def test_aliases() -> None:
    """Older names are the same classes."""
    pairs = {"AvgPool": "AveragePooling", "MaxPool": "MaxPooling", "GlobalAvgPool": "GlobalAveragePooling"}
    pairs |= {"GlobalMaxPool": "GlobalMaxPooling", "Convolution": "Conv"}
    for rank in (1, 2, 3):
        for alias, name in pairs.items():
            assert getattr(layers, f"{alias}{rank}D") is getattr(layers, f"{name}{rank}D")
        assert getattr(layers, f"Convolution{rank}DTranspose") is getattr(layers, f"Conv{rank}DTranspose")
    assert layers.SeparableConvolution1D is layers.SeparableConv1D
    assert layers.SeparableConvolution2D is layers.SeparableConv2D

"""Initializers: the same weights from the same seed on each backend, with the statistics that they promise."""

from __future__ import annotations

import numpy as np
import pytest

import triceras
from triceras import initializers, ops
from triceras.backends import registry
from triceras.backends.registry import Backend, backend_scope

#: Name -> (arguments, expected mean, expected standard deviation for a (200, 100) kernel).
ROWS = {
    "Zeros": ({}, 0.0, 0.0),
    "Ones": ({}, 1.0, 0.0),
    "Constant": ({"value": 0.7}, 0.7, 0.0),
    "RandomNormal": ({"mean": 1.0, "stddev": 0.5, "seed": 1}, 1.0, 0.5),
    "RandomUniform": ({"minval": -1.0, "maxval": 3.0, "seed": 1}, 1.0, 4 / np.sqrt(12)),
    "TruncatedNormal": ({"stddev": 0.5, "seed": 1}, 0.0, 0.5 * 0.8796),
    "VarianceScaling": (
        {"scale": 2.0, "mode": "fan_avg", "distribution": "untruncated_normal", "seed": 1}, 0.0, np.sqrt(2 / 150)
    ),
    "GlorotUniform": ({"seed": 1}, 0.0, np.sqrt(1 / 150)),
    "GlorotNormal": ({"seed": 1}, 0.0, np.sqrt(1 / 150)),
    "HeNormal": ({"seed": 1}, 0.0, np.sqrt(2 / 200)),
    "HeUniform": ({"seed": 1}, 0.0, np.sqrt(2 / 200)),
    "LecunNormal": ({"seed": 1}, 0.0, np.sqrt(1 / 200)),
    "LecunUniform": ({"seed": 1}, 0.0, np.sqrt(1 / 200)),
    "Orthogonal": ({"gain": 1.5, "seed": 1}, 0.0, 1.5 / np.sqrt(200)),
}  # fmt: skip


def draw(name: str, shape: tuple[int, ...] = (200, 100), dtype: str = "float32") -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(getattr(initializers, name)(**ROWS[name][0])(shape, dtype=dtype)))


@pytest.mark.parametrize("name", ROWS)
def test_same_on_all_backends(name: str) -> None:
    results = []
    for backend in registry.available_backends():
        with backend_scope(backend):
            results.append(draw(name))
    for result in results[1:]:
        assert result.dtype == np.float32
        np.testing.assert_array_equal(result, results[0])


@pytest.mark.parametrize("name", ROWS)
def test_statistics(name: str) -> None:
    _, mean, deviation = ROWS[name]
    with backend_scope("numpy"):
        x = draw(name).astype("float64")
    assert abs(x.mean() - mean) < 1e-6 + 5 * deviation / np.sqrt(x.size)
    assert x.std() == pytest.approx(deviation, rel=0.02, abs=1e-6)


def test_orthogonal_and_identity(backend: Backend) -> None:
    q = draw("Orthogonal", (8, 5)).astype("float64") / 1.5
    np.testing.assert_allclose(q.T @ q, np.eye(5), atol=1e-5)
    wide = draw("Orthogonal", (3, 7)).astype("float64") / 1.5
    np.testing.assert_allclose(wide @ wide.T, np.eye(3), atol=1e-5)
    identity = initializers.Identity(gain=2.0)((3, 4))
    np.testing.assert_array_equal(ops.convert_to_numpy(identity), 2 * np.eye(3, 4, dtype="float32"))


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_dtypes_and_config_round_trip(backend: Backend, name: str, dtype: str) -> None:
    initializer = getattr(initializers, name)(**ROWS[name][0])
    assert triceras.utils.standardize_dtype(initializer((4, 4), dtype=dtype).dtype) == dtype
    again = initializers.deserialize(initializers.serialize(initializer))
    assert type(again) is type(initializer)
    assert again.get_config() == initializer.get_config()
    first, second = (ops.convert_to_numpy(i((6, 5))) for i in (initializer, again))
    np.testing.assert_array_equal(first, second)


def test_a_seed_makes_an_initializer_repeat_itself(backend: Backend) -> None:
    seeded, free = initializers.GlorotUniform(seed=3), initializers.GlorotUniform()
    assert np.array_equal(*(ops.convert_to_numpy(seeded((3, 3))) for _ in range(2)))
    generator = triceras.random.SeedGenerator(3)
    streaming = initializers.GlorotUniform(seed=generator)
    assert not np.array_equal(*(ops.convert_to_numpy(streaming((3, 3))) for _ in range(2)))
    other = initializers.GlorotUniform()
    assert not np.array_equal(ops.convert_to_numpy(free((3, 3))), ops.convert_to_numpy(other((3, 3))))


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: initializers.get("glorot_unform"), "Unknown initializer: 'glorot_unform'"),
        (lambda: initializers.VarianceScaling(scale=0.0), "scale"),
        (lambda: initializers.VarianceScaling(mode="fan_sum"), "fan_sum"),
        (lambda: initializers.VarianceScaling(distribution="cauchy"), "cauchy"),
        (
            lambda: initializers.Orthogonal()((3,)),
            r"orthogonal initializer needs at least two axes, received the shape \(3,\)",
        ),
        (lambda: initializers.Identity()((3,)), r"identity initializer makes matrices, received the shape \(3,\)"),
    ],
)
def test_misuse(call: object, message: str) -> None:
    with backend_scope("numpy"), pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]

"""Dtype policies."""

from __future__ import annotations

import numpy as np
import pytest

import triceras
from triceras import dtype_policies, layers
from triceras.backends.registry import Backend

NAMES = {
    "float32": ("float32", "float32"),
    "float16": ("float16", "float16"),
    "bfloat16": ("bfloat16", "bfloat16"),
    "mixed_float16": ("float16", "float32"),
    "mixed_bfloat16": ("bfloat16", "float32"),
    "int8": ("int8", "int8"),
}


@pytest.mark.parametrize("name", NAMES)
def test_names(name: str) -> None:
    policy = triceras.DTypePolicy(name)
    assert (policy.name, policy.compute_dtype, policy.variable_dtype) == (name, *NAMES[name])
    assert policy.quantization_mode is None
    again = dtype_policies.deserialize(dtype_policies.serialize(policy))
    assert again == policy
    assert hash(again) == hash(policy)
    assert repr(policy) == f'<DTypePolicy "{name}">'
    assert (
        dtype_policies.get(name) == dtype_policies.get(policy) == dtype_policies.get(dtype_policies.serialize(policy))
    )


@pytest.mark.parametrize(
    "make, kind, message",
    [
        (lambda: triceras.DTypePolicy("mixed_float64"), ValueError, "Unknown dtype policy 'mixed_float64'"),
        (lambda: triceras.DTypePolicy(16), TypeError, "name is a string, received 16"),
        (
            lambda: dtype_policies.deserialize({"class_name": "Odd", "config": {}}),
            ValueError,
            "Unknown dtype policy 'Odd'",
        ),
    ],
)
def test_misuse(make: object, kind: type, message: str) -> None:
    with pytest.raises(kind, match=message):
        make()  # type: ignore[operator]


def test_global_policy() -> None:
    try:
        triceras.config.set_dtype_policy("mixed_bfloat16")
        assert layers.Dense(1).dtype_policy.name == "mixed_bfloat16"
        assert triceras.DTypePolicy().name == "mixed_bfloat16"
    finally:
        triceras.config.set_dtype_policy(None)
    try:
        triceras.config.set_floatx("float16")
        assert triceras.config.dtype_policy().name == "float16"
    finally:
        triceras.config.set_floatx("float32")
    assert layers.Dense(1).dtype_policy.name == "float32"


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16"])
def test_layers_compute_and_store_as_told(backend: Backend, policy: str) -> None:
    layer = layers.Dense(4, dtype=policy)
    result = layer(np.ones((2, 3), np.float32))
    compute, variable = NAMES[policy]
    assert triceras.utils.standardize_dtype(result.dtype) == compute
    assert {v.dtype for v in layer.weights} == {variable}
    assert (layer.compute_dtype, layer.variable_dtype, layer.dtype) == (compute, variable, variable)
    assert layer(triceras.KerasTensor((2, 3))).dtype == compute
    integers = layers.Embedding(5, 2, dtype=policy)
    assert triceras.utils.standardize_dtype(integers(np.array([[1]])).dtype) == compute


def test_autocast_can_be_left_out(backend: Backend) -> None:
    class Plain(layers.Layer):
        def call(self, x: object) -> object:
            return x

    x = np.ones((1, 2), np.float32)
    assert triceras.utils.standardize_dtype(Plain(dtype="float16", autocast=False)(x).dtype) == "float32"
    assert triceras.utils.standardize_dtype(Plain(dtype="float16")(x).dtype) == "float16"


def test_policy_map(backend: Backend) -> None:
    policies = dtype_policies.DTypePolicyMap("float32", {"small": "mixed_float16"})
    assert (len(policies), list(policies), policies["small"].name, policies["other"].name) == (
        1,
        ["small"],
        "mixed_float16",
        "float32",
    )
    policies["third"] = "bfloat16"
    assert "third" in policies
    del policies["third"]
    assert "third" not in policies
    again = dtype_policies.deserialize(dtype_policies.serialize(policies))
    assert again == policies
    assert layers.Dense(2, name="small", dtype=policies).compute_dtype == "float16"
    assert layers.Dense(2, name="other", dtype=policies).compute_dtype == "float32"

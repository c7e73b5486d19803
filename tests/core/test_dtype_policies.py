"""Dtype policies."""

from __future__ import annotations

import numpy as np
import pytest

import triceras
from triceras import dtype_policies, layers, saving
from triceras.backends.registry import Backend
from triceras.core.errors import FileFormatError

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
        (lambda: triceras.DTypePolicy(16), TypeError, "name is a string, received 16"),  # pyright: ignore
        (
            lambda: dtype_policies.deserialize({"class_name": "Odd", "config": {}}),
            ValueError,
            "names 'Odd' of module 'keras.dtype_policies', which isn't registered",
        ),
        (
            lambda: dtype_policies.deserialize(
                {"module": "keras.layers", "class_name": "Dense", "config": {"units": 1}}
            ),
            ValueError,
            "A dtype policy was expected, received",
        ),
        (lambda: dtype_policies.QuantizedDTypePolicy("foo"), ValueError, "is one of int8, float8, .* received 'foo'"),
        (lambda: dtype_policies.QuantizedDTypePolicy(3), ValueError, "is one of int8, float8, .* received 3"),  # pyright: ignore
        (lambda: dtype_policies.get("int8_from_foo"), ValueError, "Unknown dtype policy 'foo'"),
        (lambda: dtype_policies.get("int8_from_float16"), ValueError, "Layers in int8 can't compute in float16"),
        (lambda: dtype_policies.Int4DTypePolicy("int4"), ValueError, "is one of int4/<block_size>; received 'int4'"),
        (lambda: dtype_policies.Int4DTypePolicy("int4/0"), ValueError, "block_size in .* -1 or a positive .* '0'"),
        (lambda: dtype_policies.Int4DTypePolicy("int4/a"), ValueError, "block_size in .* received 'a'"),
        (lambda: dtype_policies.get("gptq/5/64_from_float32"), ValueError, "weight_bits .* one of 2, 3, 4, 8, .* '5'"),
        (lambda: dtype_policies.get("awq/8/64_from_float32"), ValueError, "weight_bits .* one of 4, received '8'"),
        (
            lambda: dtype_policies.QuantizedFloat8DTypePolicy("float8", amax_history_length="a"),  # pyright: ignore
            TypeError,
            "amax_history_length is an integer, received 'a'",
        ),
        (lambda: dtype_policies.DTypePolicyMap(None, 3), TypeError, "policy_map is a dictionary, received 3"),  # pyright: ignore
        (lambda: dtype_policies.DTypePolicyMap(None, {"(": "int8"}), ValueError, r"'\(' is no regular expression"),
        (
            lambda: dtype_policies.DTypePolicyMap(None, {"a.*": "int8", ".*b": "int8"})["ab"],
            ValueError,
            "matched by sev",
        ),
        (lambda: dtype_policies.DTypePolicyMap(None, {"a*" * 9: "int8"})["a" * 99], ValueError, "too many repeats"),
    ],
)
def test_misuse(make: object, kind: type, message: str) -> None:
    with pytest.raises(kind, match=message):
        make()  # type: ignore[operator]


#: Name -> the class, and what it tells.
QUANTIZED = {
    "int8_from_mixed_bfloat16": ("QuantizedDTypePolicy", "int8", "bfloat16", {}),
    "float8_from_mixed_float16": ("QuantizedFloat8DTypePolicy", "float8", "float16", {"amax_history_length": 1024}),
    "int4_from_float32": ("QuantizedDTypePolicy", "int4", "float32", {}),
    "int4/64_from_float16": ("Int4DTypePolicy", "int4", "float16", {"block_size": 64}),
    "gptq/2/-1_from_float32": ("GPTQDTypePolicy", "gptq", "float32", {"weight_bits": 2, "group_size": -1}),
    "awq/4/128_from_float32": ("AWQDTypePolicy", "awq", "float32", {"weight_bits": 4, "group_size": 128}),
}


@pytest.mark.parametrize("name", QUANTIZED)
def test_quantized_names(name: str) -> None:
    kind, mode, compute, numbers = QUANTIZED[name]
    policy = dtype_policies.get(name)
    assert (type(policy).__name__, policy.name, policy.quantization_mode) == (kind, name, mode)
    assert policy.compute_dtype == compute
    assert {key: getattr(policy, key) for key in numbers} == numbers
    again = dtype_policies.deserialize(dtype_policies.serialize(policy))
    assert again == policy
    assert again != dtype_policies.get("float32")
    assert layers.Dense(1, dtype=name).quantization_mode == mode


def test_the_older_name() -> None:
    config = {
        "module": "keras",
        "class_name": "FloatDTypePolicy",
        "config": {"name": "float16"},
        "registered_name": None,
    }
    assert (
        saving.deserialize_keras_object(config) == dtype_policies.deserialize(config) == dtype_policies.get("float16")
    )


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(a+)+b", "refused in safe mode"),
        ("(?:a|ab)*b", "refused in safe mode"),
        ("(a*){9}b", "refused in safe mode"),
        ("a" * 1001, "has 1001 characters, at most 1000"),
        ("(" * 400, "is no regular expression"),
    ],
)
def test_expressions_that_would_hang(pattern: str, message: str) -> None:
    config = {
        "module": "keras.dtype_policies",
        "class_name": "DTypePolicyMap",
        "config": {"default_policy": None, "policy_map": {pattern: "float16"}},
    }
    with pytest.raises(FileFormatError, match=message):
        saving.deserialize_keras_object(config)
    if "safe mode" in message:
        assert pattern in saving.deserialize_keras_object(config, safe_mode=False)


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
    policies["third/.*"] = "bfloat16"
    assert "third/.*" in policies
    assert [policies[path].name for path in ("third/a", "third", "x/third/a")] == ["bfloat16", "float32", "float32"]
    with pytest.raises(ValueError, match="'small' already: delete it first"):
        policies["small"] = "float16"
    assert (policies.name, policies.compute_dtype, policies.quantization_mode) == ("map_float32", "float32", None)
    del policies["third/.*"]
    assert "third/.*" not in policies
    again = dtype_policies.deserialize(dtype_policies.serialize(policies))
    assert again == policies
    assert layers.Dense(2, name="small", dtype=policies).compute_dtype == "float16"
    assert layers.Dense(2, name="other", dtype=policies).compute_dtype == "float32"
    assert layers.Dense.from_config(layers.Dense(2, dtype=policies).get_config())._dtype_policy == policies

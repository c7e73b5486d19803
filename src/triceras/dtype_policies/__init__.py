"""Which dtype a layer computes in and which it stores its variables in."""

from triceras.core import objects
from triceras.dtype_policies.policy import (
    DTypePolicy,
    DTypePolicyMap,
    deserialize,
    dtype_policy,
    get,
    serialize,
    set_dtype_policy,
)
from triceras.dtype_policies.quantized import (
    AWQDTypePolicy,
    GPTQDTypePolicy,
    Int4DTypePolicy,
    QuantizedDTypePolicy,
    QuantizedFloat8DTypePolicy,
)

FloatDTypePolicy = DTypePolicy

__all__ = [
    "AWQDTypePolicy",
    "DTypePolicy",
    "DTypePolicyMap",
    "FloatDTypePolicy",
    "GPTQDTypePolicy",
    "Int4DTypePolicy",
    "QuantizedDTypePolicy",
    "QuantizedFloat8DTypePolicy",
    "deserialize",
    "dtype_policy",
    "get",
    "serialize",
    "set_dtype_policy",
]

objects.register_builtin(
    "dtype_policies",
    (
        AWQDTypePolicy,
        DTypePolicy,
        DTypePolicyMap,
        GPTQDTypePolicy,
        Int4DTypePolicy,
        QuantizedDTypePolicy,
        QuantizedFloat8DTypePolicy,
    ),
    FloatDTypePolicy=DTypePolicy,
)

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

FloatDTypePolicy = DTypePolicy

__all__ = [
    "DTypePolicy",
    "DTypePolicyMap",
    "FloatDTypePolicy",
    "deserialize",
    "dtype_policy",
    "get",
    "serialize",
    "set_dtype_policy",
]

objects.register_builtin("dtype_policies", (DTypePolicy, DTypePolicyMap))

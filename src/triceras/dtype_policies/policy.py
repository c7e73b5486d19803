"""Dtype policies: one dtype for both, or a mixed one that computes in 16 bits and stores in 32 (Micikevicius et al. 2018)."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any

from triceras.backends import registry
from triceras.backends.base import Tensor
from triceras.core import dtypes, objects, patterns, settings
from triceras.core.errors import FileFormatError

_MIXED = {"mixed_float16": ("float16", "float32"), "mixed_bfloat16": ("bfloat16", "float32")}


class DTypePolicy:
    """The dtypes of a layer's computation and of its variables.

    Args:
        name: a dtype for both, or ``"mixed_float16"`` or ``"mixed_bfloat16"``; the global policy's name by default.

    Example:
        >>> policy = DTypePolicy("mixed_bfloat16")
        >>> policy.compute_dtype, policy.variable_dtype
        ('bfloat16', 'float32')
    """

    def __init__(self, name: str | None = None) -> None:
        if name is None:
            name = dtype_policy().name
        if not isinstance(name, str):
            raise TypeError(f"A dtype policy's name is a string, received {name!r}.")
        self._name = name
        if name in _MIXED:
            self._compute_dtype, self._variable_dtype = _MIXED[name]
        else:
            try:
                self._compute_dtype = self._variable_dtype = dtypes.standardize_dtype(name)
            except ValueError as error:
                raise ValueError(
                    f"Unknown dtype policy {name!r}. Expected a dtype or one of: {', '.join(_MIXED)}."
                ) from error

    @property
    def name(self) -> str:
        """The name it was made from."""
        return self._name

    @property
    def compute_dtype(self) -> str:
        """What a layer computes in, and what its floating inputs are cast to."""
        return self._compute_dtype

    @property
    def variable_dtype(self) -> str:
        """What a layer stores its variables in."""
        return self._variable_dtype

    @property
    def quantization_mode(self) -> str | None:
        """The quantized form a layer runs in, or None."""
        return None

    def convert_input(self, x: Any, autocast: bool, dtype: str) -> Tensor:
        """A layer's input as a tensor, floating ones in the dtype given where autocasting."""
        owner = registry.owner_of(x)
        if owner is None:
            owner = registry.active()
            x = owner.convert_to_tensor(x)
        if autocast and dtypes.is_float_dtype(x.dtype) and dtypes.standardize_dtype(x.dtype) != dtype:
            return owner.cast(x, owner.canonical(dtype))
        return x

    def get_config(self) -> dict[str, Any]:
        """The arguments that make it again."""
        return {"name": self._name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> DTypePolicy:
        """Make one from ``get_config``'s result."""
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.get_config() == other.get_config()  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash((type(self).__name__, self._name))

    def __repr__(self) -> str:
        return f'<{type(self).__name__} "{self._name}">'


class DTypePolicyMap(DTypePolicy, MutableMapping[str, DTypePolicy]):
    """A policy for each layer of a model, by regular expressions that the whole of a layer's path matches.

    Args:
        default_policy: for the paths that none matches; the global one by default.
        policy_map: expression -> policy; a path that is a key itself has that key's.

    Raises:
        ValueError: an expression given twice, what isn't a policy, or a path that several match.

    Example:
        >>> policies = DTypePolicyMap("float32", {"encoder/.*": "mixed_bfloat16"})
        >>> policies["encoder/dense"].name, policies["decoder/dense"].name
        ('mixed_bfloat16', 'float32')
    """

    def __init__(self, default_policy: Any = None, policy_map: dict[str, Any] | None = None) -> None:
        if not isinstance(policy_map, dict | None):
            raise TypeError(f"policy_map is a dictionary, received {policy_map!r}.")
        self._default_arg = default_policy
        self._default = get(default_policy)
        self._map: dict[str, DTypePolicy] = {}
        for path, policy in (policy_map or {}).items():
            self[path] = policy

    @property
    def default_policy(self) -> DTypePolicy:
        """For the paths that no expression matches."""
        return self._default

    @property
    def name(self) -> str:
        """``map_`` and the name of the default policy."""
        return f"map_{self._default.name}"

    @property
    def compute_dtype(self) -> str:
        return self._default.compute_dtype

    @property
    def variable_dtype(self) -> str:
        return self._default.variable_dtype

    @property
    def quantization_mode(self) -> str | None:
        return self._default.quantization_mode

    def __getitem__(self, key: str) -> DTypePolicy:
        if key in self._map:
            return self._map[key]
        found = [pattern for pattern in self._map if patterns.fullmatch(pattern, key)]
        if len(found) > 1:
            raise ValueError(f"The path {key!r} is matched by several expressions, expected one at most: {found}.")
        return self._map[found[0]] if found else self._default

    def __setitem__(self, key: str, policy: Any) -> None:
        if key in self._map:
            raise ValueError(f"The DTypePolicyMap has {key!r} already: delete it first.")
        patterns.check_pattern(key)
        self._map[key] = get(policy)

    def __delitem__(self, key: str) -> None:
        del self._map[key]

    def __contains__(self, key: object) -> bool:
        return key in self._map

    def __len__(self) -> int:
        return len(self._map)

    def __iter__(self) -> Iterator[str]:
        return iter(self._map)

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        policies = {path: policy.name for path, policy in self._map.items()}
        return f"<DTypePolicyMap default_policy={self._default.name!r} policy_map={policies}>"

    def get_config(self) -> dict[str, Any]:
        given = self._default_arg
        return {
            "default_policy": serialize(given) if isinstance(given, DTypePolicy) else given,
            "policy_map": {path: serialize(policy) for path, policy in self._map.items()},
        }


_global: DTypePolicy | None = None


def dtype_policy() -> DTypePolicy:
    """The policy of layers that are given none.

    Example:
        >>> dtype_policy().name
        'float32'
    """
    return _global if _global is not None else DTypePolicy(settings.floatx())


def set_dtype_policy(policy: Any) -> None:
    """Set the policy of layers made from now on: a policy or its name; None for ``config.floatx()``."""
    global _global
    _global = None if policy is None else get(policy)


def get(identifier: Any) -> DTypePolicy:
    """A policy from a policy, its name, a dtype, its serialized form, or None for the global one.

    Raises:
        ValueError: no policy is meant.

    Example:
        >>> get("int8_from_float32").quantization_mode
        'int8'
    """
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, str) and "_from_" in identifier:
        from triceras.dtype_policies.quantized import from_name

        return from_name(identifier)
    return DTypePolicy(identifier if isinstance(identifier, str) else dtypes.standardize_dtype(identifier))


def serialize(dtype_policy: DTypePolicy) -> dict[str, Any]:
    """A policy as a JSON-able dictionary.

    Example:
        >>> serialize(DTypePolicy("float16"))["config"]
        {'name': 'float16'}
    """
    return objects.serialize_keras_object(dtype_policy)


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> DTypePolicy:
    """A policy from ``serialize``'s result.

    Raises:
        FileFormatError: it isn't that of a policy.
    """
    policy = objects.deserialize_keras_object({"module": "keras.dtype_policies", "config": {}} | config, custom_objects)
    if not isinstance(policy, DTypePolicy):
        raise FileFormatError(f"A dtype policy was expected, received {config!r}.")
    return policy

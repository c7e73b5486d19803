"""First values of weights: drawn on the host, so that they are the same on every backend to the last bit."""

from __future__ import annotations

from typing import Any

from triceras.core import lookup, objects
from triceras.initializers.fixed import STFT, Constant, Identity, Ones, Zeros
from triceras.initializers.initializer import Initializer, RandomInitializer
from triceras.initializers.random import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
)

IdentityInitializer, OrthogonalInitializer, STFTInitializer = Identity, Orthogonal, STFT
constant, identity, ones, zeros, stft = Constant, Identity, Ones, Zeros, STFT
glorot_normal, glorot_uniform, he_normal, he_uniform = GlorotNormal, GlorotUniform, HeNormal, HeUniform
lecun_normal, lecun_uniform, orthogonal = LecunNormal, LecunUniform, Orthogonal
random_normal, random_uniform, truncated_normal = RandomNormal, RandomUniform, TruncatedNormal
variance_scaling = VarianceScaling

CLASSES = (
    Constant,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Identity,
    Initializer,
    LecunNormal,
    LecunUniform,
    Ones,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    STFT,
    TruncatedNormal,
    VarianceScaling,
    Zeros,
)
_FURTHER_NAMES = {
    "IdentityInitializer": Identity,
    "OrthogonalInitializer": Orthogonal,
    "STFTInitializer": STFT,
    "constant": Constant,
    "glorot_normal": GlorotNormal,
    "glorot_uniform": GlorotUniform,
    "he_normal": HeNormal,
    "he_uniform": HeUniform,
    "identity": Identity,
    "lecun_normal": LecunNormal,
    "lecun_uniform": LecunUniform,
    "normal": RandomNormal,
    "one": Ones,
    "ones": Ones,
    "orthogonal": Orthogonal,
    "random_normal": RandomNormal,
    "random_uniform": RandomUniform,
    "stft": STFT,
    "truncated_normal": TruncatedNormal,
    "uniform": RandomUniform,
    "variance_scaling": VarianceScaling,
    "zero": Zeros,
    "zeros": Zeros,
}
TABLE = {cls.__name__: cls for cls in CLASSES} | _FURTHER_NAMES
objects.register_builtin("initializers", CLASSES, **_FURTHER_NAMES)


def get(identifier: Any) -> Any:
    """An initializer from its name, config, class or itself, a constant from a number or array; None for None."""
    if identifier is not None and not callable(identifier) and not isinstance(identifier, str | dict):
        return Constant(identifier)
    return lookup.get(identifier, "initializer", TABLE)


def serialize(initializer: Any) -> Any:
    """An initializer as a JSON-able dictionary."""
    return objects.serialize_keras_object(initializer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """An initializer from ``serialize``'s result or a name."""
    return lookup.deserialize(config, custom_objects, "initializer", TABLE)


_ONLY_STRINGS = ("normal", "one", "uniform", "zero")
_OTHERS = ("RandomInitializer", "deserialize", "get", "serialize")
__all__ = [*(name for name in TABLE if name not in _ONLY_STRINGS), *_OTHERS]

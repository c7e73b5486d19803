"""The same functions as in ``triceras.legacy.saving``."""

from triceras.legacy.saving import deserialize_keras_object, serialize_keras_object

__all__ = ["deserialize_keras_object", "serialize_keras_object"]

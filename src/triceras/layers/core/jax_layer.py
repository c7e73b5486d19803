"""A function of JAX as a layer."""

from __future__ import annotations

from typing import Any

from triceras.backends import registry
from triceras.core import objects
from triceras.layers.core.foreign_layer import ForeignLayer


class JaxLayer(ForeignLayer):
    """Runs a function written with JAX.

    In a model of jax its parameters are trained; in one of another backend it infers only. Files hold the names of the
    functions, which have to be registered to be read; a layer that was given its values needs ``init_fn`` as well then.

    Args:
        call_fn: takes some of ``params``, ``state``, ``rng`` (a key), ``inputs`` and ``training``, by these names; returns the
            outputs, or where it takes ``state`` the outputs and the new state.
        init_fn: takes ``inputs`` and perhaps ``rng`` and ``training``; returns the parameters, the state, or both as a pair,
            whichever ``call_fn`` takes. Its inputs are zeros, in a batch of one where its size isn't known.
        params: a tree of arrays, which are trained, in place of ``init_fn``'s.
        state: a tree of arrays, which aren't, in place of ``init_fn``'s.
        seed: what ``rng`` comes from.
        native_serialization_platforms: kept for files of Keras; nothing depends on it.
        kwargs: as for any layer.

    Raises:
        ValueError: a function takes other arguments, or nothing gives the values that ``call_fn`` takes.

    Input shape:
        what the function takes
    Output shape:
        what it gives

    Example:
        >>> import jax
        >>> def init(rng, inputs):
        ...     return {"kernel": jax.random.normal(rng, (inputs.shape[-1], 2))}
        >>> layer = layers.JaxLayer(lambda params, inputs: inputs @ params["kernel"], init)
        >>> layer(np.ones((4, 3), "float32")).shape, [(v.name, v.shape) for v in layer.weights]
        ((4, 2), [('kernel', (3, 2))])
    """

    def __init__(
        self,
        call_fn: Any,
        init_fn: Any = None,
        params: Any = None,
        state: Any = None,
        seed: int | None = None,
        native_serialization_platforms: Any = None,
        **kwargs: Any,
    ) -> None:
        part = registry.get_backend("jax").foreign_part("function", call_fn, init_fn, params, state)
        super().__init__(part, seed, **kwargs)
        self.call_fn = call_fn
        self.init_fn = init_fn
        self.native_serialization_platforms = native_serialization_platforms

    def call(self, inputs: Any, training: bool | None = False) -> Any:
        return self._run((inputs,), {}, bool(training))

    def get_config(self) -> dict[str, Any]:
        names = ("call_fn", "init_fn", "native_serialization_platforms")
        return {**super().get_config(), **{n: objects.serialize_keras_object(getattr(self, n)) for n in names}}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Make one from ``get_config``'s result."""
        functions = {name: objects.deserialize_keras_object(config.get(name)) for name in ("call_fn", "init_fn")}
        return cls(**{**config, **functions})

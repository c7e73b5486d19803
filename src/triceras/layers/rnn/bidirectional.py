"""A recurrent layer and another one that reads backwards."""

from __future__ import annotations

from typing import Any

from triceras import ops, tree
from triceras.backends.base import Tensor
from triceras.core import objects
from triceras.layers.call_plan import call_plan
from triceras.layers.input_spec import InputSpec
from triceras.layers.layer import Layer

#: How the two outputs come together.
_MERGES = {
    "concat": lambda a, b: ops.concatenate([a, b], axis=-1),
    "sum": ops.add,
    "ave": lambda a, b: (a + b) / 2,
    "mul": ops.multiply,
}


class Bidirectional(Layer):
    """Runs a recurrent layer over a sequence and another one over the same from its end (Schuster & Paliwal, 1997).

    Args:
        layer: the recurrent layer; copies of it are used.
        merge_mode: how their outputs come together: ``"concat"``, ``"sum"``, ``"mul"``, ``"ave"``, or None for a pair.
        weights: first values of the weights of both.
        backward_layer: what reads backwards, made with ``go_backwards=True``; by default the layer itself the other way round.

    Input shape:
        that of the layer
    Output shape:
        that of the layer, the last axis twice as long with ``"concat"``; a tuple with both layers' states where they are
        returned

    Example:
        >>> shape(Bidirectional(LSTM(4, return_sequences=True))(ones((2, 6, 3))))
        (2, 6, 8)
    """

    #: Files hold the copies of the layer, not itself.
    _names_in_files = {"layer": None}

    def __init__(
        self,
        layer: Any,
        merge_mode: str | None = "concat",
        weights: Any = None,
        backward_layer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if merge_mode is not None and merge_mode not in _MERGES:
            raise ValueError(
                f"Layer {self.name!r}: merge_mode is one of {', '.join(_MERGES)} or None, received {merge_mode!r}."
            )
        for given in (layer, backward_layer):
            if given is not None and not (isinstance(given, Layer) and hasattr(given, "go_backwards")):
                raise ValueError(f"Layer {self.name!r} wraps a recurrent layer, with go_backwards; received {given!r}.")
        self.merge_mode = merge_mode
        self.forward_layer = _copy(layer, f"forward_{layer.name}")
        if backward_layer is None:
            self.backward_layer = _copy(layer, f"backward_{layer.name}", go_backwards=not layer.go_backwards)
        else:
            self.backward_layer = _copy(backward_layer, backward_layer.name)
        self._check_pair()
        self.layer = layer
        self._layers[:] = [self.forward_layer, self.backward_layer]
        self._first_weights = weights
        self.stateful = layer.stateful
        self.return_sequences = layer.return_sequences
        self.return_state = layer.return_state
        self.supports_masking = True
        self.input_spec = InputSpec(min_ndim=3)

    def _check_pair(self) -> None:
        forward, backward = self.forward_layer, self.backward_layer
        if forward.go_backwards == backward.go_backwards:
            raise ValueError(
                f"Layer {self.name!r}: layer and backward_layer go the same way; one needs go_backwards=True."
            )
        for name in ("stateful", "return_sequences", "return_state"):
            if getattr(forward, name) != getattr(backward, name):
                raise ValueError(
                    f"Layer {self.name!r}: layer and backward_layer differ in {name}: {getattr(forward, name)} and "
                    f"{getattr(backward, name)}."
                )

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        for layer in (self.forward_layer, self.backward_layer):
            if not layer.built:
                layer.build(sequences_shape)
                layer.built = True
        if self._first_weights is not None:
            self.set_weights(self._first_weights)
            self._first_weights = None

    def call(self, sequences: Tensor, initial_state: Any = None, mask: Any = None, training: bool | None = None) -> Any:
        first = second = None
        if initial_state is not None:
            half = len(initial_state) // 2
            first, second = initial_state[:half], initial_state[half:]
        y, y_states = self._run(self.forward_layer, sequences, first, mask, training)
        z, z_states = self._run(self.backward_layer, sequences, second, mask, training)
        if self.return_sequences:
            z = ops.flip(z, axis=1)
        merged = (y, z) if self.merge_mode is None else (_MERGES[self.merge_mode](y, z),)
        if self.return_state:
            return (*merged, *y_states, *z_states)
        return merged if self.merge_mode is None else merged[0]

    def _run(self, layer: Any, sequences: Tensor, states: Any, mask: Any, training: Any) -> tuple[Tensor, list[Any]]:
        plan = call_plan(type(layer).call)
        kwargs: dict[str, Any] = {"mask": mask} if plan.takes_mask else {}
        if plan.takes_training:
            kwargs["training"] = training
        if states is not None:
            kwargs["initial_state"] = states
        result = layer(sequences, **kwargs)
        return (result[0], list(result[1:])) if self.return_state else (result, [])

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:
        found = [layer.compute_output_shape(sequences_shape) for layer in (self.forward_layer, self.backward_layer)]
        (output, *states), (other, *others) = found if self.return_state else ((found[0],), (found[1],))
        if self.merge_mode is None:
            merged: tuple[Any, ...] = (output, other)
        else:
            merged = ((*output[:-1], output[-1] + other[-1]) if self.merge_mode == "concat" else output,)
        if self.return_state:
            return (*merged, *states, *others)
        return merged if self.merge_mode is None else merged[0]

    def compute_mask(self, _: Any, mask: Any) -> Any:
        mask = mask[0] if isinstance(mask, list | tuple) else mask
        output = mask if self.return_sequences else None
        masks = [output, output] if self.merge_mode is None else [output]
        if self.return_state:
            return masks + [None] * (2 * len(tree.flatten(self.forward_layer.state_size)))
        return masks if self.merge_mode is None else masks[0]

    def reset_state(self) -> None:
        """Start anew with the next batch."""
        for layer in (self.forward_layer, self.backward_layer):
            layer.reset_state()

    def reset_states(self) -> None:
        """Start anew with the next batch."""
        self.reset_state()

    @property
    def states(self) -> Any:
        """The states of both layers."""
        if self.forward_layer.states is None:
            return None
        return (*self.forward_layer.states, *self.backward_layer.states)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "merge_mode": self.merge_mode,
            "layer": objects.serialize_keras_object(self.forward_layer),
            "backward_layer": objects.serialize_keras_object(self.backward_layer),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        config = dict(config)
        for name in ("layer", "backward_layer"):
            config[name] = objects.deserialize_keras_object(config.get(name), custom_objects)
        layer = cls(**config)
        # The file's layers have their names already.
        layer.forward_layer.name = config["layer"].name
        return layer


def _copy(layer: Any, name: str, **changes: Any) -> Any:
    """A new layer with another's config."""
    config = layer.get_config() | {"name": name} | changes
    if layer.return_sequences and "zero_output_for_mask" in config:
        config["zero_output_for_mask"] = True
    return type(layer).from_config(config)

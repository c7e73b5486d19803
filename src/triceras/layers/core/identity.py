"""A layer that does nothing."""

from __future__ import annotations

from typing import Any

from triceras import tree
from triceras.graph.symbol import KerasTensor
from triceras.layers.layer import Layer


class Identity(Layer):
    """Its inputs as they are, in the dtype that the layer computes in: a placeholder.

    Input shape:
        any, also a structure of tensors
    Output shape:
        that of the input

    Example:
        >>> shape(Identity()(ones((2, 3))))
        (2, 3)
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any) -> Any:
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def compute_output_spec(self, inputs: Any) -> Any:
        return tree.map_structure(lambda x: KerasTensor(x.shape, self._dtype_of(x), sparse=x.sparse), inputs)

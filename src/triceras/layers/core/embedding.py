"""A vector for each index."""

from __future__ import annotations

from typing import Any

import numpy as np

from triceras import constraints, initializers, ops, regularizers
from triceras.backends.base import Tensor
from triceras.core import dtypes
from triceras.graph.symbol import KerasTensor
from triceras.layers.lora import Factored, LowRank


class Embedding(LowRank):
    """Looks integers up in a table of vectors.

    Args:
        input_dim: the number of vectors; indices run from 0 to one less.
        output_dim: the size of a vector.
        embeddings_initializer: first values of the table.
        embeddings_regularizer: a penalty on the table.
        embeddings_constraint: a projection of the table after each update.
        mask_zero: whether index 0 stands for padding and is masked.
        weights: first values of the table, in a list or not.
        lora_rank, lora_alpha: the rank and scale of a low-rank update that is trained in place of the table.
        quantization_config: how to quantize it.

    Input shape:
        integers, ``(batch, ...)``
    Output shape:
        ``(batch, ..., output_dim)``

    Example:
        >>> shape(Embedding(10, 4)(convert_to_tensor([[1, 2, 3]])))
        (1, 3, 4)
    """

    embeddings = Factored()

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        quantization_config: Any = None,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("input_length", None)
        super().__init__(**kwargs)
        for name, value in (("input_dim", input_dim), ("output_dim", output_dim)):
            if not isinstance(value, int | np.integer) or value < 1:
                raise ValueError(f"Layer {self.name!r}: {name} is a positive integer, received {value!r}.")
        self.input_dim = input_dim
        self.output_dim = output_dim
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.mask_zero = mask_zero
        self.supports_masking = mask_zero
        self.autocast = False
        self.lora_rank = lora_rank
        self.lora_alpha = lora_alpha if lora_alpha is not None else lora_rank
        self.quantization_config = quantization_config
        if weights is not None:
            self.build()
            self.set_weights(weights if isinstance(weights, list) else [weights])

    def build(self, input_shape: Any = None) -> None:
        if self.built:
            return
        self.embeddings = self.add_weight(
            shape=(self.input_dim, self.output_dim),
            initializer=self.embeddings_initializer,
            regularizer=self.embeddings_regularizer,
            constraint=self.embeddings_constraint,
            name="embeddings",
        )
        self.factor_if_asked()

    def call(self, inputs: Tensor) -> Tensor:
        if dtypes.standardize_dtype(inputs.dtype) not in dtypes.INTEGERS:
            inputs = ops.cast(inputs, "int32")
        vectors = self.through_weight(lambda table: ops.take(table, inputs, axis=0))
        return ops.cast(vectors, self.compute_dtype) if self.compute_dtype != self.variable_dtype else vectors

    def compute_mask(self, inputs: Tensor, previous_mask: Any = None) -> Any:
        return ops.not_equal(inputs, 0) if self.mask_zero else None

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return (*input_shape, self.output_dim)

    def compute_output_spec(self, inputs: KerasTensor) -> KerasTensor:
        return KerasTensor(self.compute_output_shape(inputs.shape), self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "input_dim": self.input_dim,
            "output_dim": self.output_dim,
            "embeddings_initializer": initializers.serialize(self.embeddings_initializer),
            "embeddings_regularizer": regularizers.serialize(self.embeddings_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "embeddings_constraint": constraints.serialize(self.embeddings_constraint),
            "mask_zero": self.mask_zero,
            "quantization_config": self.quantization_config,
        }

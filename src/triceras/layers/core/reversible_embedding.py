"""A table of vectors that turns indices into vectors, and vectors into logits."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.graph.symbol import KerasTensor
from triceras.layers.arguments import given
from triceras.layers.core.embedding import Embedding


class ReversibleEmbedding(Embedding):
    """An ``Embedding`` that goes both ways: ``call(x, reverse=True)`` gives each index's logit for vectors (Press & Wolf 2017).

    Args:
        input_dim: the number of vectors; indices run from 0 to one less.
        output_dim: the size of a vector.
        tie_weights: whether both ways have one table; otherwise the way back has one of its own.
        embeddings_initializer: first values of the tables.
        embeddings_regularizer: a penalty on them.
        embeddings_constraint: a projection of them after each update.
        mask_zero: whether index 0 stands for padding and is masked.
        reverse_dtype: what the way back computes in; the compute dtype by default.
        logit_soft_cap: logits become ``cap * tanh(logits / cap)``.

    Input shape:
        integers, ``(batch, ...)``; with ``reverse=True`` vectors ``(batch, ..., output_dim)``
    Output shape:
        ``(batch, ..., output_dim)``; with ``reverse=True`` ``(batch, ..., input_dim)``

    Example:
        >>> layer = ReversibleEmbedding(10, 4)
        >>> shape(layer(layer(convert_to_tensor([[1, 2, 3]])), reverse=True))
        (1, 3, 10)
    """

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        tie_weights: bool = True,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        reverse_dtype: Any = None,
        logit_soft_cap: float | None = None,
        **kwargs: Any,
    ) -> None:
        weights = kwargs.pop("weights", None)
        super().__init__(**given(locals(), "tie_weights", "reverse_dtype", "logit_soft_cap", "weights"))
        self.tie_weights = tie_weights
        self.reverse_dtype = reverse_dtype
        self.logit_soft_cap = logit_soft_cap
        if weights is not None:
            self.build()
            self.set_weights(weights if isinstance(weights, list) else [weights])

    def build(self, input_shape: Any = None) -> None:
        super().build(input_shape)
        if not self.tie_weights:
            self.reverse_embeddings = self.add_weight(
                shape=(self.output_dim, self.input_dim),
                initializer=self.embeddings_initializer,
                regularizer=self.embeddings_regularizer,
                constraint=self.embeddings_constraint,
                name="reverse_embeddings",
            )

    def call(self, inputs: Tensor, reverse: bool = False) -> Tensor:
        if not reverse:
            return super().call(inputs)
        kernel = ops.transpose(self.embeddings) if self.tie_weights else self.reverse_embeddings
        dtype = self.reverse_dtype or self.compute_dtype
        logits = ops.matmul(ops.cast(inputs, dtype), ops.cast(kernel, dtype))
        cap = self.logit_soft_cap
        return logits if cap is None else ops.multiply(ops.tanh(ops.divide(logits, cap)), cap)

    def compute_mask(self, inputs: Tensor, previous_mask: Any = None) -> Any:
        return super().compute_mask(inputs, previous_mask) if len(inputs.shape) < 3 else previous_mask

    def compute_output_shape(self, input_shape: Any, reverse: bool = False) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.input_dim) if reverse else super().compute_output_shape(input_shape)

    def compute_output_spec(self, inputs: KerasTensor, reverse: bool = False) -> KerasTensor:
        dtype = (self.reverse_dtype if reverse else None) or self.compute_dtype
        return KerasTensor(self.compute_output_shape(inputs.shape, reverse), dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "tie_weights": self.tie_weights,
            "reverse_dtype": self.reverse_dtype,
            "logit_soft_cap": self.logit_soft_cap,
        }

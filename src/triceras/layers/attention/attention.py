"""Attention by products of queries and keys."""

from __future__ import annotations

from typing import Any

from triceras import ops, random
from triceras.backends.base import Tensor
from triceras.graph.symbol import KerasTensor
from triceras.layers.layer import Layer
from triceras.ops.attention import MASKED
from triceras.random.seed import SeedGenerator

_SCORE_MODES = ("dot", "concat")


class Attention(Layer):
    """``softmax(score(query, key)) @ value`` (Luong et al. 2015).

    The score of a query and a key is their product, times a learnt scale where wanted; or, by ``"concat"``, a learnt weight
    times ``sum(tanh(scale * (query + key)))``.

    Args:
        use_scale: whether there is a scale.
        score_mode: ``"dot"`` or ``"concat"``.
        dropout: the share of the attention's weights dropped in training.
        seed: of the dropout.

    Input shape:
        a list: query ``(batch, length, size)``, value ``(batch, other_length, value_size)`` and key ``(batch, other_length,
        size)``, which is the value where left out. A mask is a list of the query's and the value's.
    Output shape:
        ``(batch, length, value_size)``; with the scores ``(batch, length, other_length)`` in a tuple where asked for

    Example:
        >>> shape(Attention()([ones((1, 6, 3)), ones((1, 5, 3))]))
        (1, 6, 3)
    """

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if score_mode not in _SCORE_MODES:
            raise ValueError(
                f"Layer {self.name!r}: score_mode is one of {', '.join(_SCORE_MODES)}, received {score_mode!r}."
            )
        if not 0 <= dropout <= 1:
            raise ValueError(f"Layer {self.name!r}: dropout lies between 0 and 1, received {dropout!r}.")
        self.use_scale = use_scale
        self.score_mode = score_mode
        self.dropout = dropout
        self.seed = seed
        self.seed_generator = SeedGenerator(seed) if dropout > 0 else None
        self.supports_masking = True
        self.scale: Any = None
        self.concat_score_weight: Any = None

    def build(self, input_shape: Any) -> None:
        self._check_inputs(input_shape)
        if self.use_scale:
            self.scale = self.add_weight(shape=(), initializer="ones", name="scale")
        if self.score_mode == "concat":
            self.concat_score_weight = self.add_weight(shape=(), initializer="ones", name="concat_score_weight")

    def _check_inputs(self, inputs: Any, mask: Any = None) -> None:
        several = isinstance(inputs, list | tuple) and not all(d is None or isinstance(d, int) for d in inputs)
        if not several or len(inputs) not in (2, 3):
            raise ValueError(
                f"Layer {self.path!r} is called with a list [query, value] or [query, value, key], received "
                f"{len(inputs) if several else 'one input'}."
            )
        if mask is not None and (not isinstance(mask, list | tuple) or not 2 <= len(mask) <= len(inputs)):
            raise ValueError(
                f"Layer {self.path!r}: mask is a list [query_mask, value_mask], received a {type(mask).__name__}"
                + (f" of {len(mask)}." if isinstance(mask, list | tuple) else ".")
            )

    def score(self, query: Tensor, key: Tensor) -> Tensor:
        """How well queries and keys fit: ``(batch, length, other_length)``."""
        if self.score_mode == "dot":
            products = ops.matmul(query, ops.transpose(key, (0, 2, 1)))
            return products if self.scale is None else products * self.scale
        sums = ops.expand_dims(query, -2) + ops.expand_dims(key, -3)
        sums = sums if self.scale is None else sums * self.scale
        return self.concat_score_weight * ops.sum(ops.tanh(sums), axis=-1)

    def call(
        self,
        inputs: Any,
        mask: Any = None,
        training: bool | None = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        self._check_inputs(inputs, mask)
        query, value, key = (*inputs, inputs[1])[:3]
        query_mask, value_mask = (None, None) if mask is None else mask[:2]
        scores = self.score(query, key)
        allowed = None if value_mask is None else ops.expand_dims(ops.cast(value_mask, "bool"), -2)
        if use_causal_mask:
            rows, columns = ops.arange(ops.shape(query)[1]), ops.arange(ops.shape(key)[1])
            causal = ops.expand_dims(ops.greater_equal(ops.expand_dims(rows, 1), columns), 0)
            allowed = causal if allowed is None else ops.logical_and(allowed, causal)
        wide = ops.cast(scores, "float32") if ops.dtype(scores) in ("float16", "bfloat16") else scores
        wide = wide if allowed is None else ops.where(allowed, wide, MASKED)
        weights = ops.cast(ops.softmax(wide, axis=-1), ops.dtype(scores))
        if training and self.seed_generator is not None:
            weights = random.dropout(weights, self.dropout, seed=self.seed_generator)
        outputs = ops.matmul(weights, value)
        if query_mask is not None:
            outputs = outputs * ops.expand_dims(ops.cast(query_mask, ops.dtype(outputs)), -1)
        return (outputs, weights) if return_attention_scores else outputs

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return mask[0] if isinstance(mask, list | tuple) else None

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        self._check_inputs(input_shape)
        return (*input_shape[0][:-1], input_shape[1][-1])

    def compute_output_spec(
        self,
        inputs: Any,
        mask: Any = None,
        return_attention_scores: bool = False,
        training: Any = None,
        use_causal_mask: bool = False,
    ) -> Any:
        self._check_inputs(inputs, mask)
        query, value, key = (*inputs, inputs[1])[:3]
        outputs = KerasTensor((*query.shape[:-1], value.shape[-1]), self.compute_dtype)
        scores = KerasTensor((*query.shape[:-1], key.shape[1]), self.compute_dtype)
        return (outputs, scores) if return_attention_scores else outputs

    def get_config(self) -> dict[str, Any]:
        names = ("use_scale", "score_mode", "dropout", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}

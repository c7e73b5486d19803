"""Attention by sums of queries and keys."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.layers.attention.attention import Attention


class AdditiveAttention(Attention):
    """``softmax(sum(scale * tanh(query + key))) @ value`` (Bahdanau et al. 2015).

    Args:
        use_scale: whether there is a scale, learnt for each feature.
        dropout: the share of the attention's weights dropped in training.

    Input shape:
        a list: query ``(batch, length, size)``, value ``(batch, other_length, size)`` and key ``(batch, other_length, size)``,
        which is the value where left out. A mask is a list of the query's and the value's.
    Output shape:
        ``(batch, length, size)``; with the scores ``(batch, length, other_length)`` in a tuple where asked for

    Example:
        >>> shape(AdditiveAttention()([ones((1, 6, 3)), ones((1, 5, 3))]))
        (1, 6, 3)
    """

    def __init__(self, use_scale: bool = True, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(use_scale=use_scale, dropout=dropout, **kwargs)

    def build(self, input_shape: Any) -> None:
        self._check_inputs(input_shape)
        if self.use_scale:
            self.scale = self.add_weight(shape=(input_shape[0][-1],), initializer="glorot_uniform", name="scale")

    def score(self, query: Tensor, key: Tensor) -> Tensor:
        """How well queries and keys fit: ``(batch, length, other_length)``."""
        sums = ops.tanh(ops.expand_dims(query, -2) + ops.expand_dims(key, -3))
        return ops.sum(sums if self.scale is None else sums * self.scale, axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {key: value for key, value in super().get_config().items() if key != "score_mode"}

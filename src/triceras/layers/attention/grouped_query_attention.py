"""Attention by several heads, groups of which share keys and values."""

from __future__ import annotations

from typing import Any

from triceras.layers.arguments import given
from triceras.layers.attention.multi_head_attention import MultiHeadAttention


class GroupedQueryAttention(MultiHeadAttention):
    """``MultiHeadAttention`` with fewer heads for keys and values than for queries (Ainslie et al. 2023).

    Args:
        head_dim: the size of a head.
        num_query_heads: the number of heads, a multiple of the next one.
        num_key_value_heads: the number of heads that keys and values have.
        dropout: the share of the attention's weights dropped in training.
        use_bias: whether the four products have biases.
        sliding_window: how far apart a query and a key may lie, itself included; None for any distance.
        flash_attention: whether fused kernels are used; None where there are ones that fit.
        kernel_initializer, bias_initializer: first values of the weights.
        kernel_regularizer, bias_regularizer, activity_regularizer: penalties on the weights and the outputs.
        kernel_constraint, bias_constraint: projections of the weights after each update.
        use_gate: whether each head's result is multiplied with the sigmoid of a projection of the query.
        seed: of the dropout.

    Input shape:
        query ``(batch, length, size)``, value and key ``(batch, other_length, ...)``
    Output shape:
        ``(batch, length, size)``; with the scores ``(batch, heads, length, other_length)`` in a tuple where asked for

    Example:
        >>> shape(GroupQueryAttention(4, 6, 2)(ones((1, 6, 3)), ones((1, 5, 3))))
        (1, 6, 3)
    """

    _public_name = "GroupQueryAttention"
    _names_in_files: dict[str, str] = {}

    def __init__(
        self,
        head_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: Any = None,
        **kwargs: Any,
    ) -> None:
        arguments = given(locals(), "head_dim", "num_query_heads", "num_key_value_heads")
        super().__init__(num_query_heads, head_dim, **arguments)
        fits = isinstance(num_key_value_heads, int) and num_key_value_heads > 0
        if not fits or num_query_heads % num_key_value_heads:
            raise ValueError(
                f"Layer {self.name!r}: num_query_heads must be a multiple of num_key_value_heads, received "
                f"{num_query_heads!r} and {num_key_value_heads!r}."
            )
        self.head_dim = head_dim
        self.num_query_heads = num_query_heads
        self.num_key_value_heads = num_key_value_heads

    @property
    def _key_value_heads(self) -> int:
        return self.num_key_value_heads

    def get_config(self) -> dict[str, Any]:
        others = ("num_heads", "key_dim", "value_dim", "output_shape", "attention_axes", "flash_attention")
        config = {key: value for key, value in super().get_config().items() if key not in others}
        names = ("head_dim", "num_query_heads", "num_key_value_heads")
        return config | {name: getattr(self, name) for name in names}

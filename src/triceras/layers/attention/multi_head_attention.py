"""Attention by several heads."""

from __future__ import annotations

import math
from typing import Any

from triceras import constraints, initializers, ops, regularizers
from triceras.backends.base import Tensor
from triceras.layers.activation.softmax import Softmax
from triceras.layers.core.einsum_dense import EinsumDense
from triceras.layers.layer import Layer
from triceras.layers.regularization.dropout import Dropout

_LETTERS = "abcdefghijklmnopqrstuvwxyz"


class MultiHeadAttention(Layer):
    """Each head looks at the values by ``softmax(q @ k / sqrt(key_dim))``, and a product joins them (Vaswani et al., 2017).

    Args:
        num_heads: the number of heads.
        key_dim: the size of a head's queries and keys.
        value_dim: the size of a head's values; ``key_dim`` by default.
        dropout: the share of the attention's weights dropped in training.
        use_bias: whether the four products have biases.
        output_shape: the size or sizes of the outputs' last axes; the query's last by default.
        attention_axes: the axes attended over; all but the batch and the last by default.
        sliding_window: how far apart a query and a key may lie, itself included; None for any distance.
        flash_attention: whether fused kernels are used; None where there are ones that fit.
        kernel_initializer, bias_initializer: first values of the weights.
        kernel_regularizer, bias_regularizer, activity_regularizer: penalties on the weights and the outputs.
        kernel_constraint, bias_constraint: projections of the weights after each update.
        use_gate: whether each head's result is multiplied with the sigmoid of a projection of the query (Qiu et al., 2025).
        seed: of the dropout.

    Input shape:
        query ``(batch, length, ...)``, value and key ``(batch, other_length, ...)``
    Output shape:
        ``(batch, length, output_shape)``; with the scores ``(batch, heads, length, other_length)`` in a tuple where asked for

    Example:
        >>> shape(MultiHeadAttention(2, 4)(ones((1, 6, 3)), ones((1, 5, 3))))
        (1, 6, 3)
    """

    #: What files call the parts.
    _names_in_files = {
        "_query_dense": "query_dense",
        "_key_dense": "key_dense",
        "_value_dense": "value_dense",
        "_output_dense": "output_dense",
    }

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: Any = None,
        attention_axes: Any = None,
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
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        for name, value in (("num_heads", num_heads), ("key_dim", key_dim), ("sliding_window", sliding_window)):
            if value is not None and (not isinstance(value, int) or value <= 0):
                raise ValueError(f"{name} is a positive integer, received {value!r} for layer {self.name!r}.")
        self._num_heads = num_heads
        self._key_dim = key_dim
        self._value_dim = value_dim or key_dim
        self._dropout = dropout
        self._use_bias = use_bias
        self._output_shape = (output_shape,) if isinstance(output_shape, int) else output_shape and tuple(output_shape)
        axes = (attention_axes,) if isinstance(attention_axes, int) else attention_axes
        self._attention_axes = None if axes is None else tuple(axes)
        self._sliding_window = sliding_window
        self._flash_attention = flash_attention
        self._kernel_initializer = initializers.get(kernel_initializer)
        self._bias_initializer = initializers.get(bias_initializer)
        self._kernel_regularizer = regularizers.get(kernel_regularizer)
        self._bias_regularizer = regularizers.get(bias_regularizer)
        self._kernel_constraint = constraints.get(kernel_constraint)
        self._bias_constraint = constraints.get(bias_constraint)
        self._use_gate = use_gate
        self.seed = seed
        self.supports_masking = True

    num_heads = property(lambda self: self._num_heads, doc="The number of heads.")
    key_dim = property(lambda self: self._key_dim, doc="The size of a head's queries and keys.")
    value_dim = property(lambda self: self._value_dim, doc="The size of a head's values.")
    dropout = property(lambda self: self._dropout, doc="The share of the attention's weights dropped in training.")
    use_bias = property(lambda self: self._use_bias, doc="Whether the products have biases.")
    attention_axes = property(lambda self: self._attention_axes, doc="The axes attended over.")
    query_dense = property(lambda self: self._query_dense, doc="The product that makes the queries.")
    key_dense = property(lambda self: self._key_dense, doc="The product that makes the keys.")
    value_dense = property(lambda self: self._value_dense, doc="The product that makes the values.")
    output_dense = property(lambda self: self._output_dense, doc="The product that joins the heads.")

    def build(self, query_shape: Any, value_shape: Any, key_shape: Any = None) -> None:
        key_shape = value_shape if key_shape is None else key_shape
        self._check_shapes(query_shape, value_shape, key_shape)
        rank = len(query_shape)
        if self._attention_axes is None:
            self._attention_axes = tuple(range(1, rank - 1))
        self._axes = tuple(axis % rank for axis in self._attention_axes)
        self._query_dense = self._projection("query", query_shape, self._key_dim)
        self._key_dense = self._projection("key", key_shape, self._key_dim, self._key_value_heads)
        if self._use_gate:
            self._gate_dense = self._projection("gate", query_shape, self._value_dim)
        self._value_dense = self._projection("value", value_shape, self._value_dim, self._key_value_heads)
        self._softmax = Softmax(axis=-1, dtype=self.dtype_policy)
        self._dropout_layer = Dropout(self._dropout, dtype=self.dtype_policy, seed=self.seed)
        sizes = self._output_shape or (query_shape[-1],)
        free = _LETTERS[: rank - 1]
        joined, out = _LETTERS[rank - 1 : rank + 1], _LETTERS[rank + 1 : rank + 1 + len(sizes)]
        equation = f"{free}{joined},{joined}{out}->{free}{out}"
        self._output_dense = self._dense("attention_output", equation, (*[None] * (rank - 2), *sizes), out)
        self._output_dense.build((*query_shape[:-1], self._num_heads, self._value_dim))

    def _check_shapes(self, query_shape: Any, value_shape: Any, key_shape: Any) -> None:
        if len({len(query_shape), len(value_shape), len(key_shape)}) > 1 or len(query_shape) < 3:
            raise ValueError(
                f"Layer {self.path!r} expects a query, value and key with the same number of axes, at least 3; received the "
                f"shapes {tuple(query_shape)}, {tuple(value_shape)} and {tuple(key_shape)}."
            )
        if any(
            a is not None and b is not None and a != b for a, b in zip(value_shape[1:-1], key_shape[1:-1], strict=True)
        ):
            raise ValueError(
                f"Layer {self.path!r} expects a value and a key of the same length, received the shapes "
                f"{tuple(value_shape)} and {tuple(key_shape)}."
            )

    @property
    def _key_value_heads(self) -> int:
        """The number of heads of keys and values."""
        return self._num_heads

    def _projection(self, name: str, shape: Any, size: int, count: int | None = None) -> EinsumDense:
        """The product that makes the heads from an input, built."""
        rank = len(shape)
        free, last, heads = _LETTERS[: rank - 1], _LETTERS[rank - 1], _LETTERS[rank : rank + 2]
        sizes = (*[None] * (rank - 2), count or self._num_heads, size)
        dense = self._dense(name, f"{free}{last},{last}{heads}->{free}{heads}", sizes, heads)
        dense.build(tuple(shape))
        return dense

    def _dense(self, name: str, equation: str, output_shape: Any, bias_axes: str) -> EinsumDense:
        return EinsumDense(
            equation,
            output_shape=output_shape,
            bias_axes=bias_axes if self._use_bias else None,
            kernel_initializer=_fresh(self._kernel_initializer),
            bias_initializer=_fresh(self._bias_initializer),
            kernel_regularizer=self._kernel_regularizer,
            bias_regularizer=self._bias_regularizer,
            activity_regularizer=self.activity_regularizer,
            kernel_constraint=self._kernel_constraint,
            bias_constraint=self._bias_constraint,
            dtype=self.dtype_policy,
            name=name,
        )

    # ---- the call ---------------------------------------------------------------------------------------------------

    def call(
        self,
        query: Tensor,
        value: Tensor,
        key: Tensor | None = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> Any:
        key = value if key is None else key
        q, k, v = self._query_dense(query), self._key_dense(key), self._value_dense(value)
        # A masked query's result is masked behind this layer: what it looks at makes no difference.
        mask = None if attention_mask is None else ops.cast(attention_mask, "bool")
        for other in (value_mask, key_mask):
            if other is not None:
                mask = _both(mask, ops.expand_dims(ops.cast(other, "bool"), -2))
        mask = _both(mask, self._window_mask(q, k))
        attended, scores = self._attend(q, k, v, mask, use_causal_mask, bool(training), return_attention_scores)
        if self._use_gate:
            attended = attended * ops.sigmoid(self._gate_dense(query))
        outputs = self._output_dense(attended)
        return (outputs, scores) if return_attention_scores else outputs

    def _window_mask(self, q: Tensor, k: Tensor) -> Any:
        if self._sliding_window is None:
            return None
        rows = ops.expand_dims(ops.arange(ops.shape(q)[1]), 1)
        columns = ops.expand_dims(ops.arange(ops.shape(k)[1]), 0)
        return ops.expand_dims(ops.less(ops.abs(rows - columns), self._sliding_window), 0)

    def _attend(
        self, q: Tensor, k: Tensor, v: Tensor, mask: Any, causal: bool, training: bool, scores: bool
    ) -> tuple[Tensor, Any]:
        """The heads' results in the query's shape, and the scores where they are asked for."""
        plain = len(q.shape) == 4
        axes = self._axes
        if mask is not None:
            # An axis for the heads, in front of those attended over.
            head = len(mask.shape) - 2 * len(axes)
            mask = ops.expand_dims(mask, head) if head > 0 else mask
        flat_q, flat_k, flat_v = (x if plain else _flatten(x, axes) for x in (q, k, v))
        if mask is not None and not plain:
            mask = _flat_mask(mask, q, k, axes)
        result, found = self._attend_flat(flat_q, flat_k, flat_v, mask, causal, training, scores)
        if plain:
            return result, found
        return _unflatten(result, q, axes), None if found is None else _unflatten_scores(found, q, k, axes)

    def _attend_flat(
        self, q: Tensor, k: Tensor, v: Tensor, mask: Any, causal: bool, training: bool, scores: bool
    ) -> tuple[Tensor, Any]:
        """The same for (batch, length, heads, size)."""
        scale = 1 / math.sqrt(self._key_dim)
        if not scores and not (training and self._dropout > 0):
            flash = self._flash_attention
            return ops.dot_product_attention(
                q, k, v, mask=mask, scale=scale, is_causal=causal, flash_attention=flash
            ), None
        if causal:
            rows, columns = ops.arange(ops.shape(q)[1]), ops.arange(ops.shape(k)[1])
            mask = _both(mask, ops.greater_equal(ops.expand_dims(rows, 1), columns))
        shared = self._num_heads // self._key_value_heads
        k, v = (ops.repeat(x, shared, axis=2) for x in (k, v)) if shared > 1 else (k, v)
        logits = ops.einsum("blhd,bmhd->bhlm", ops.multiply(q, scale), k)
        found = self._softmax(logits, mask=mask)
        weights = self._dropout_layer(found, training=training)
        return ops.einsum("bhlm,bmhd->blhd", weights, v), found if scores else None

    # ---- what comes out ---------------------------------------------------------------------------------------------

    def compute_output_shape(self, query_shape: Any, value_shape: Any, key_shape: Any = None) -> tuple[int | None, ...]:
        self._check_shapes(query_shape, value_shape, value_shape if key_shape is None else key_shape)
        return (*query_shape[:-1], *(self._output_shape or (query_shape[-1],)))

    def compute_output_spec(self, query: Any, value: Any, key: Any = None, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("return_attention_scores") or len(args) > 4:
            return self._abstract_spec((query, value, key, *args), kwargs)
        return super().compute_output_spec(query, value, key)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_heads": self._num_heads,
            "key_dim": self._key_dim,
            "value_dim": self._value_dim,
            "dropout": self._dropout,
            "use_bias": self._use_bias,
            "use_gate": self._use_gate,
            "output_shape": self._output_shape,
            "attention_axes": self._attention_axes,
            "sliding_window": self._sliding_window,
            "flash_attention": self._flash_attention,
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "kernel_initializer": initializers.serialize(self._kernel_initializer),
            "bias_initializer": initializers.serialize(self._bias_initializer),
            "kernel_regularizer": regularizers.serialize(self._kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self._bias_regularizer),
            "kernel_constraint": constraints.serialize(self._kernel_constraint),
            "bias_constraint": constraints.serialize(self._bias_constraint),
            "seed": self.seed,
        }


def _fresh(initializer: Any) -> Any:
    """An initializer of its own for each product, so that one that draws doesn't give all the same values."""
    return (
        type(initializer).from_config(initializer.get_config()) if hasattr(initializer, "get_config") else initializer
    )


def _both(a: Any, b: Any) -> Any:
    return b if a is None else a if b is None else ops.logical_and(a, b)


# ---- several axes attended over: they become one, and those in front become part of the batch -------------------------


def _order(rank: int, axes: tuple[int, ...]) -> tuple[int, ...]:
    """Other axes, attended ones, heads, size."""
    others = [axis for axis in range(rank - 2) if axis not in axes]
    return (*others, *axes, rank - 2, rank - 1)


def _flatten(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    sizes = ops.shape(x)
    length = math.prod(sizes[axis] for axis in axes)
    return ops.reshape(ops.transpose(x, _order(len(sizes), axes)), (-1, length, *sizes[-2:]))


def _unflatten(x: Tensor, like: Tensor, axes: tuple[int, ...]) -> Tensor:
    sizes, order = ops.shape(like), _order(len(like.shape), axes)
    moved = ops.reshape(x, (*(sizes[axis] for axis in order[:-1]), x.shape[-1]))
    return ops.transpose(moved, tuple(order.index(axis) for axis in range(len(order))))


def _score_sizes(q: Tensor, k: Tensor, axes: tuple[int, ...]) -> tuple[list[Any], list[Any], list[Any]]:
    """The sizes of the other axes, of the query's attended ones and of the key's."""
    q_sizes, k_sizes = ops.shape(q), ops.shape(k)
    others = [q_sizes[axis] for axis in range(len(q_sizes) - 2) if axis not in axes]
    return others, [q_sizes[axis] for axis in axes], [k_sizes[axis] for axis in axes]


def _unflatten_scores(scores: Tensor, q: Tensor, k: Tensor, axes: tuple[int, ...]) -> Tensor:
    others, rows, columns = _score_sizes(q, k, axes)
    return ops.reshape(scores, (*others, scores.shape[1], *rows, *columns))


def _flat_mask(mask: Any, q: Tensor, k: Tensor, axes: tuple[int, ...]) -> Any:
    others, rows, columns = _score_sizes(q, k, axes)
    mask = ops.broadcast_to(mask, (*others, 1, *rows, *columns))
    return ops.reshape(mask, (-1, 1, math.prod(rows), math.prod(columns)))

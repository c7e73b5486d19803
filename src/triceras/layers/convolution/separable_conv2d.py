"""Separable convolution over two axes."""

from __future__ import annotations

from typing import Any

from triceras.layers.arguments import given
from triceras.layers.convolution.base_separable_conv import BaseSeparableConv


class SeparableConv2D(BaseSeparableConv):
    """A convolution of each channel of images by itself, then one that mixes them (Chollet 2017, arXiv:1610.02357).

    Args:
        filters: the number of output channels.
        kernel_size, strides, dilation_rate: a number or two.
        padding: ``"valid"`` or ``"same"``.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one by default.
        depth_multiplier: how many outputs each channel has before they are mixed.
        activation: what is applied to the outputs.
        use_bias: whether a bias is added.
        depthwise_initializer, pointwise_initializer, bias_initializer: first values of the weights.
        depthwise_regularizer, pointwise_regularizer, bias_regularizer, activity_regularizer: penalties.
        depthwise_constraint, pointwise_constraint, bias_constraint: projections after each update.

    Input shape:
        ``(batch, height, width, channels)``, or ``(batch, channels, height, width)``
    Output shape:
        ``(batch, new_height, new_width, filters)``, or ``(batch, filters, new_height, new_width)``

    Example:
        >>> shape(SeparableConv2D(4, 3)(ones((1, 8, 8, 2))))
        (1, 6, 6, 4)
    """

    rank = 2

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = (1, 1),
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**given(locals()))

"""Convolution of each channel by itself over two axes."""

from __future__ import annotations

from typing import Any

from triceras.layers.arguments import given
from triceras.layers.convolution.base_depthwise_conv import BaseDepthwiseConv


class DepthwiseConv2D(BaseDepthwiseConv):
    """A convolution over images that keeps channels apart (Sifre & Mallat 2013).

    Args:
        kernel_size, strides, dilation_rate: a number or two.
        padding: ``"valid"`` or ``"same"``.
        depth_multiplier: outputs for each channel.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one by default.
        activation: what is applied to the outputs.
        use_bias: whether a bias is added.
        depthwise_initializer, bias_initializer: first values of the weights.
        depthwise_regularizer, bias_regularizer, activity_regularizer: penalties.
        depthwise_constraint, bias_constraint: projections after each update.

    Input shape:
        ``(batch, height, width, channels)``, or ``(batch, channels, height, width)``
    Output shape:
        the same with ``channels * depth_multiplier`` channels

    Example:
        >>> shape(DepthwiseConv2D(3)(ones((1, 8, 8, 2))))
        (1, 6, 6, 2)
    """

    rank = 2

    def __init__(
        self,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = (1, 1),
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**given(locals()))

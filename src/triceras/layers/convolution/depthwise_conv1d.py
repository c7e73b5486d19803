"""Convolution of each channel by itself over one axis."""

from __future__ import annotations

from triceras.layers.convolution.base_depthwise_conv import BaseDepthwiseConv


class DepthwiseConv1D(BaseDepthwiseConv):
    """A convolution over sequences that keeps channels apart (Sifre & Mallat 2013).

    Args:
        kernel_size, strides, dilation_rate: a number.
        padding: ``"valid"`` or ``"same"``.
        depth_multiplier: outputs for each channel.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one by default.
        activation: what is applied to the outputs.
        use_bias: whether a bias is added.
        depthwise_initializer, bias_initializer: first values of the weights.
        depthwise_regularizer, bias_regularizer, activity_regularizer: penalties.
        depthwise_constraint, bias_constraint: projections after each update.

    Input shape:
        ``(batch, steps, channels)``, or ``(batch, channels, steps)``
    Output shape:
        the same with ``channels * depth_multiplier`` channels

    Example:
        >>> shape(DepthwiseConv1D(3)(ones((1, 8, 2))))
        (1, 6, 2)
    """

    rank = 1

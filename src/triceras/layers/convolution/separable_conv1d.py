"""Separable convolution over one axis."""

from __future__ import annotations

from triceras.layers.convolution.base_separable_conv import BaseSeparableConv


class SeparableConv1D(BaseSeparableConv):
    """A convolution of each channel of sequences by itself, then one that mixes them (Chollet 2017, arXiv:1610.02357).

    Args:
        filters: the number of output channels.
        kernel_size, strides, dilation_rate: a number.
        padding: ``"valid"`` or ``"same"``.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one by default.
        depth_multiplier: how many outputs each channel has before they are mixed.
        activation: what is applied to the outputs.
        use_bias: whether a bias is added.
        depthwise_initializer, pointwise_initializer, bias_initializer: first values of the weights.
        depthwise_regularizer, pointwise_regularizer, bias_regularizer, activity_regularizer: penalties.
        depthwise_constraint, pointwise_constraint, bias_constraint: projections after each update.

    Input shape:
        ``(batch, steps, channels)``, or ``(batch, channels, steps)``
    Output shape:
        ``(batch, new_steps, filters)``, or ``(batch, filters, new_steps)``

    Example:
        >>> shape(SeparableConv1D(4, 3)(ones((1, 8, 2))))
        (1, 6, 4)
    """

    rank = 1

"""Transposed convolution over one axis."""

from __future__ import annotations

from triceras.layers.convolution.base_conv_transpose import BaseConvTranspose


class Conv1DTranspose(BaseConvTranspose):
    """The transpose of a convolution over sequences, often used to enlarge them (Dumoulin & Visin 2016, arXiv:1603.07285).

    Args:
        filters: the number of output channels.
        kernel_size, strides, dilation_rate: a number.
        padding: ``"same"`` multiplies the sizes by the strides, ``"valid"`` gives every place that a window reaches.
        output_padding: a number: how much more than the least size comes out at the end; None for sizes as said.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one by default.
        activation: what is applied to the outputs.
        use_bias: whether a bias is added.
        kernel_initializer, bias_initializer: first values of the weights.
        kernel_regularizer, bias_regularizer, activity_regularizer: penalties.
        kernel_constraint, bias_constraint: projections after each update.

    Input shape:
        ``(batch, steps, channels)``, or ``(batch, channels, steps)``
    Output shape:
        ``(batch, new_steps, filters)``, or ``(batch, filters, new_steps)``

    Example:
        >>> shape(Conv1DTranspose(8, 3, strides=2, padding="same")(ones((1, 4, 3))))
        (1, 8, 8)
    """

    rank = 1

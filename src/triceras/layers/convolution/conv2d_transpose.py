"""Transposed convolution over two axes."""

from __future__ import annotations

from typing import Any

from triceras.layers.arguments import given
from triceras.layers.convolution.base_conv_transpose import BaseConvTranspose


class Conv2DTranspose(BaseConvTranspose):
    """The transpose of a convolution over images, often used to enlarge them (Dumoulin & Visin 2016, arXiv:1603.07285).

    Args:
        filters: the number of output channels.
        kernel_size, strides, dilation_rate: a number or two.
        padding: ``"same"`` multiplies the sizes by the strides, ``"valid"`` gives every place that a window reaches.
        output_padding: a number or two: how much more than the least size comes out at the end; None for sizes as said.
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one by default.
        activation: what is applied to the outputs.
        use_bias: whether a bias is added.
        kernel_initializer, bias_initializer: first values of the weights.
        kernel_regularizer, bias_regularizer, activity_regularizer: penalties.
        kernel_constraint, bias_constraint: projections after each update.

    Input shape:
        ``(batch, height, width, channels)``, or ``(batch, channels, height, width)``
    Output shape:
        ``(batch, new_height, new_width, filters)``, or ``(batch, filters, new_height, new_width)``

    Example:
        >>> shape(Conv2DTranspose(8, 3, strides=2, padding="same")(ones((1, 4, 4, 3))))
        (1, 8, 8, 8)
    """

    rank = 2

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = (1, 1),
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**given(locals()))

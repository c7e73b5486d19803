"""Convolution over one axis."""

from __future__ import annotations

from triceras.layers.convolution.base_conv import BaseConv


class Conv1D(BaseConv):
    """A convolution over sequences.

    Args:
        filters: the number of output channels.
        kernel_size, strides, dilation_rate: a number.
        padding: ``"valid"``, ``"same"``, or ``"causal"``: zeros before the first step alone, so that no output sees a later
            one (van den Oord et al. 2016, arXiv:1609.03499).
        data_format: ``"channels_last"`` or ``"channels_first"``; the configured one by default.
        groups: into how many groups the channels are divided.
        activation: what is applied to the outputs.
        use_bias: whether a bias is added.
        kernel_initializer, bias_initializer: first values of the weights.
        kernel_regularizer, bias_regularizer, activity_regularizer: penalties.
        kernel_constraint, bias_constraint: projections after each update.
        lora_rank, lora_alpha: the rank and scale of a low-rank update that is trained in place of the kernel.

    Input shape:
        ``(batch, steps, channels)``, or ``(batch, channels, steps)``
    Output shape:
        ``(batch, new_steps, filters)``, or ``(batch, filters, new_steps)``

    Example:
        >>> shape(Conv1D(4, 3)(ones((1, 8, 2))))
        (1, 6, 4)
    """

    rank = 1

"""A densely connected layer for any pair of axes, by an einsum equation."""

from __future__ import annotations

import functools
import re
from typing import Any

from triceras import activations, constraints, initializers, ops, regularizers
from triceras.backends.base import Tensor
from triceras.layers.layer import Layer
from triceras.ops.affine import add_bias, contract


class EinsumDense(Layer):
    """``activation(einsum(equation, inputs, kernel) + bias)``.

    Args:
        equation: like ``"abc,cd->abd"``; an ellipsis at the start of the inputs' and outputs' labels stands for any axes.
        output_shape: the sizes of the outputs' axes but the batch (and those in the ellipsis); None for a size that is the
            inputs'.
        activation: what is applied to the outputs.
        bias_axes: the labels of the outputs' axes that have a bias, like ``"d"``; None for no bias.
        kernel_initializer, bias_initializer: first values of the weights.
        kernel_regularizer, bias_regularizer: penalties on them.
        kernel_constraint, bias_constraint: projections of them after each update.
        lora_rank, lora_alpha: the rank and scale of a low-rank update that is trained in place of the kernel.
        gptq_unpacked_column_size: the number of the kernel's columns before 4-bit values were packed.
        quantization_config: how to quantize it.

    Input shape:
        as the equation says
    Output shape:
        as the equation says

    Example:
        >>> shape(EinsumDense("abc,cd->abd", output_shape=(None, 4), bias_axes="d")(ones((2, 6, 3))))
        (2, 6, 4)
    """

    def __init__(
        self,
        equation: str,
        output_shape: Any,
        activation: Any = None,
        bias_axes: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        gptq_unpacked_column_size: int | None = None,
        quantization_config: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.equation = equation
        self._labels = _parse(equation, self.name)
        self.partial_output_shape = (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
        self.activation = activations.get(activation)
        self.bias_axes = bias_axes
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.lora_rank = lora_rank
        self.lora_alpha = lora_alpha if lora_alpha is not None else lora_rank
        self.gptq_unpacked_column_size = gptq_unpacked_column_size
        self.quantization_config = quantization_config

    def build(self, input_shape: Any) -> None:
        kernel_shape, bias_shape, self.full_output_shape = self._shapes(tuple(input_shape))
        self.kernel = self.add_weight(
            shape=kernel_shape,
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.bias = None
        if bias_shape is not None:
            self.bias = self.add_weight(
                shape=bias_shape,
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
                name="bias",
            )

    def _shapes(self, input_shape: tuple[Any, ...]) -> tuple[Any, Any, tuple[Any, ...]]:
        """The shapes of the kernel, the bias (None for none) and the outputs."""
        inputs, kernel, outputs = self._labels
        sizes, elided = _sizes_by_label(inputs, input_shape, self.path)
        named = outputs.replace("...", "")
        given = self.partial_output_shape
        # The batch isn't given, nor is what the ellipsis stands for.
        given_labels = named if "..." in outputs and len(given) == len(named) else named[len(named) - len(given) :]
        if len(given) > len(named) or (len(given) < len(named) - 1 and "..." not in outputs):
            raise ValueError(
                f"Layer {self.path!r}: output_shape={given} doesn't fit the outputs {outputs!r} of {self.equation!r}."
            )
        for label, size in zip(given_labels, given, strict=True):
            known = sizes.get(label)
            if size is not None and known is not None and label in inputs and size != known:
                raise ValueError(
                    f"Layer {self.path!r}: output_shape={given} gives the axis {label!r} of {self.equation!r} the size {size}, "
                    f"the input of shape {input_shape} gives it {known}."
                )
            sizes[label] = size if size is not None else known
        for label in kernel:
            if label not in sizes:
                raise ValueError(f"Layer {self.path!r}: the size of {label!r} in {self.equation!r} isn't known.")
        full = _expand(outputs, sizes, elided)
        return tuple(sizes[label] for label in kernel), self._bias_shape(named, sizes, outputs, len(elided)), full

    def _bias_shape(self, named: str, sizes: dict[str, Any], outputs: str, elided: int) -> tuple[int, ...] | None:
        if not self.bias_axes:
            return None
        unknown = [label for label in self.bias_axes if label not in named]
        if unknown:
            raise ValueError(
                f"Layer {self.path!r}: bias_axes={self.bias_axes!r} aren't all in the outputs {outputs!r}."
            )
        first = min(named.index(label) for label in self.bias_axes)
        shape = tuple(sizes[label] if label in self.bias_axes else 1 for label in named[first:])
        return shape + (1,) * elided if outputs.endswith("...") else shape

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        summed = _summed_axes(*self._labels)
        if summed and (self.bias is None or self.bias.shape == self.kernel.shape[summed:]):
            outputs = contract(inputs, self.kernel, self.bias, summed)
        else:
            outputs = ops.einsum(self.equation, inputs, self.kernel)
            outputs = outputs if self.bias is None else add_bias(outputs, self.bias)
        return outputs if self.activation is None else self.activation(outputs)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return self._shapes(tuple(input_shape))[2]

    def get_config(self) -> dict[str, Any]:
        config = {
            **super().get_config(),
            "output_shape": self.partial_output_shape,
            "equation": self.equation,
            "activation": activations.serialize(self.activation),
            "bias_axes": self.bias_axes,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "quantization_config": self.quantization_config,
        }
        optional = ("lora_rank", "lora_alpha", "gptq_unpacked_column_size")
        return config | {name: value for name in optional if (value := getattr(self, name)) is not None}


def _parse(equation: str, where: str) -> tuple[str, str, str]:
    """The labels of the inputs, the kernel and the outputs."""
    found = re.fullmatch(r"((?:\.\.\.)?\w+(?:\.\.\.)?),(\w+)->((?:\.\.\.)?\w+(?:\.\.\.)?)", equation.replace(" ", ""))
    if found is None:
        raise ValueError(
            f"Layer {where!r}: equation looks like 'abc,cd->abd' or '...c,cd->...d', received {equation!r}."
        )
    inputs, kernel, outputs = found.groups()
    if ("..." in inputs) != ("..." in outputs):
        raise ValueError(
            f"Layer {where!r}: an ellipsis stands in the inputs and in the outputs, received {equation!r}."
        )
    return inputs, kernel, outputs


def _sizes_by_label(labels: str, shape: tuple[Any, ...], where: str) -> tuple[dict[str, Any], tuple[Any, ...]]:
    """Label -> size, and the sizes that the ellipsis stands for."""
    named = labels.replace("...", "")
    count = len(shape) - len(named)
    if count < 0 or (count and "..." not in labels):
        raise ValueError(f"Layer {where!r} expects inputs with the axes {labels!r}, received the shape {shape}.")
    if labels.startswith("..."):
        return dict(zip(named, shape[count:], strict=True)), shape[:count]
    return dict(zip(named, shape[: len(named)], strict=True)), shape[len(named) :]


def _expand(labels: str, sizes: dict[str, Any], elided: tuple[Any, ...]) -> tuple[Any, ...]:
    named = tuple(sizes.get(label) for label in labels.replace("...", ""))
    return (*elided, *named) if labels.startswith("...") else (*named, *elided)


@functools.cache
def _summed_axes(inputs: str, kernel: str, outputs: str) -> int:
    """How many axes are summed over, where these are the inputs' last and the kernel's first in order; 0 where not."""
    for count in range(1, len(kernel)):
        batch = inputs.removesuffix(kernel[:count])
        if batch != inputs and outputs == batch + kernel[count:] and not set(kernel) & set(batch):
            return count
    return 0

"""What layers that convolve have in common: arguments, weights, what follows the sum."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.core import settings
from triceras.layers.arguments import serialized, take_objects
from triceras.layers.input_spec import InputSpec
from triceras.layers.layer import Layer
from triceras.layers.windows import fits, least_sizes, per_axis, window_shape
from triceras.ops.affine import add_bias


class ConvLayer(Layer):
    """A layer that slides windows over the axes between batch and channels, adds a bias and activates.

    A subclass says what it makes in ``_make_kernels`` and computes in ``call``, whose sum goes through ``_finished``.

    Args:
        arguments: by name, those that ``_arguments`` lists, and what every layer takes.
    """

    #: The number of spatial axes.
    rank: int
    #: What a config holds, each given to the constructor.
    _arguments: tuple[str, ...]
    #: Arguments that are positive integers.
    _counts: tuple[str, ...] = ()
    #: Whether windows can't both step and have gaps.
    _steps_or_gaps = False

    filters: int
    kernel_size: tuple[int, ...]
    strides: tuple[int, ...]
    dilation_rate: tuple[int, ...]
    padding: str
    activation: Any
    use_bias: bool

    def __init__(self, **arguments: Any) -> None:
        own = {name: arguments.pop(name) for name in self._arguments if name != "activity_regularizer"}
        super().__init__(**arguments)
        data_format = settings.standardize_data_format(own.pop("data_format"))
        own |= take_objects(own)
        own |= {
            name: per_axis(name, own[name], self.rank, where=self.path)
            for name in ("kernel_size", "strides", "dilation_rate")
        }
        self.data_format = data_format
        for name, value in own.items():
            setattr(self, name, value)
        self.padding = str(self.padding).lower()
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self._check_arguments()
        self._least_sizes = least_sizes(self.kernel_size, self.padding, self.data_format, self.dilation_rate)

    def _paddings(self) -> tuple[str, ...]:
        return ("valid", "same")

    def _check_arguments(self) -> None:
        for name in self._counts:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"Layer {self.path!r}: {name} is a positive integer, received {value!r}.")
        allowed = self._paddings()
        if self.padding not in allowed:
            raise ValueError(f"Layer {self.path!r}: padding is one of {', '.join(allowed)}, received {self.padding!r}.")
        if self._steps_or_gaps and max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                f"Layer {self.path!r}: strides and dilation_rate can't both exceed 1, received {self.strides} and "
                f"{self.dilation_rate}."
            )

    @property
    def _channel_axis(self) -> int:
        return -1 if self.data_format == "channels_last" else 1

    @property
    def _window(self) -> dict[str, Any]:
        """How the window goes, as ops of convolution take it."""
        return {
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
        }

    def build(self, input_shape: Any) -> None:
        outputs = self.compute_output_shape(input_shape)
        channels = input_shape[self._channel_axis]
        self._check_channels(channels, input_shape)
        self._make_kernels(channels)
        self.bias = self._weight("bias", (outputs[self._channel_axis],)) if self.use_bias else None
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={self._channel_axis: channels})

    def _check_channels(self, channels: int | None, input_shape: Any) -> None:
        if channels is None:
            raise ValueError(f"Layer {self.path!r}: the inputs' channels must be known, received {tuple(input_shape)}.")

    def _make_kernels(self, channels: int) -> None:
        """Make the weights for inputs of so many channels."""
        raise NotImplementedError

    def _weight(self, name: str, shape: tuple[Any, ...], role: str | None = None) -> Any:
        """A weight with the initializer, the regularizer and the constraint that the arguments give for its role."""
        of = role or name
        objects = {kind: getattr(self, f"{of}_{kind}") for kind in ("initializer", "regularizer", "constraint")}
        return self.add_weight(shape=shape, name=name, **objects)

    def _check_fit(self, inputs: Tensor) -> None:
        """Raise a ValueError where a window doesn't fit the inputs."""
        if not fits(inputs.shape, self._least_sizes):
            self.compute_output_shape(inputs.shape)

    def _finished(self, outputs: Tensor) -> Tensor:
        """A sum with its bias, activated."""
        if self.bias is not None:
            if self.data_format == "channels_first":
                outputs = ops.add(outputs, ops.reshape(self.bias, (1, -1, *(1,) * self.rank)))
            else:
                outputs = add_bias(outputs, self.bias)
        return outputs if self.activation is None else self.activation(outputs)

    def _output_channels(self, channels: int | None) -> int | None:
        """How many channels come out where so many go in."""
        return self.filters

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return window_shape(
            input_shape,
            self.kernel_size,
            self.strides,
            self.padding,
            self.data_format,
            self.dilation_rate,
            channels=self._output_channels(input_shape[self._channel_axis]),
            where=self.path,
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **serialized(self, self._arguments)}

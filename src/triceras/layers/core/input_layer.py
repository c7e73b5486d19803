"""Where a functional model begins."""

from __future__ import annotations

from typing import Any

from triceras.core import dtypes, settings
from triceras.graph.node import Node
from triceras.graph.symbol import KerasTensor, standardize_shape
from triceras.layers.layer import Layer


class InputLayer(Layer):
    """Holds a symbolic input; ``Input`` is the function to call.

    Args:
        shape: the shape of a sample, None for sizes that may change.
        batch_size: the number of samples, where it is fixed.
        dtype: the dtype, ``config.floatx()`` by default.
        sparse, ragged: the kind of tensor.
        batch_shape: the shape with the batch axis, in place of ``shape``.
        input_tensor: a symbolic tensor to use.
        optional: whether the input may be None.
        name: its name.
    """

    def __init__(
        self,
        shape: Any = None,
        batch_size: int | None = None,
        dtype: Any = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Any = None,
        input_tensor: Any = None,
        optional: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name)
        shape = kwargs.pop("input_shape", shape)
        batch_shape = kwargs.pop("batch_input_shape", batch_shape)
        if kwargs:
            raise ValueError(f"InputLayer received arguments it doesn't know: {', '.join(kwargs)}.")
        if input_tensor is not None:
            batch_shape = input_tensor.shape
            dtype = dtype or input_tensor.dtype
        if (shape is None) == (batch_shape is None):
            raise ValueError(
                f"Pass shape or batch_shape, one of them; received shape={shape}, batch_shape={batch_shape}."
            )
        if batch_shape is None:
            batch_shape = (batch_size, *standardize_shape(shape))
        self._batch_shape = standardize_shape(batch_shape)
        self._input_dtype = dtypes.standardize_dtype(dtype or settings.floatx())
        self.sparse = bool(sparse)
        self.ragged = bool(ragged)
        self.optional = optional
        output = input_tensor
        if output is None:
            output = KerasTensor(self._batch_shape, self._input_dtype, self.sparse, self.ragged, name=self.name)
        if not isinstance(output, KerasTensor):
            raise ValueError(f"An input's tensor is a symbolic one, received {input_tensor!r}.")
        output._optional = optional  # type: ignore[attr-defined]
        Node(self, (), {}, output)
        self.built = True

    def call(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError("An input layer isn't called; pass tensors to the model.")

    @property
    def batch_shape(self) -> tuple[int | None, ...]:
        """The shape with the batch axis."""
        return self._batch_shape

    @property
    def dtype(self) -> str:
        """The dtype of the input."""
        return self._input_dtype

    @property
    def output(self) -> KerasTensor:
        """The symbolic input."""
        return self._inbound_nodes[0].output_tensors[0]

    def get_config(self) -> dict[str, Any]:
        return {
            "batch_shape": self._batch_shape,
            "dtype": self._input_dtype,
            "sparse": self.sparse,
            "ragged": self.ragged,
            "name": self.name,
            "optional": self.optional,
        }


def Input(  # noqa: N802
    shape: Any = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Any = None,
    name: str | None = None,
    tensor: Any = None,
    optional: bool = False,
) -> KerasTensor:
    """A symbolic tensor to begin a functional model with.

    Args:
        shape: the shape of a sample, None for sizes that may change.
        batch_size: the number of samples, where it is fixed.
        dtype: the dtype, ``config.floatx()`` by default.
        sparse, ragged: the kind of tensor.
        batch_shape: the shape with the batch axis, in place of ``shape``.
        name: the input's name.
        tensor: a symbolic tensor to use.
        optional: whether the input may be None.

    Example:
        >>> Input((32,)).shape
        (None, 32)
    """
    layer = InputLayer(
        shape=shape,
        batch_size=batch_size,
        dtype=dtype,
        sparse=sparse,
        ragged=ragged,
        batch_shape=batch_shape,
        name=name,
        input_tensor=tensor,
        optional=optional,
    )
    return layer.output

"""What a layer demands of its inputs."""

from __future__ import annotations

from typing import Any

from triceras import tree
from triceras.core import dtypes
from triceras.graph.symbol import standardize_shape


class InputSpec:
    """Demands on one input; what is None is free.

    Args:
        dtype: the dtype.
        shape: the whole shape, None for free sizes.
        ndim, max_ndim, min_ndim: the number of axes, exactly or within bounds.
        axes: axis -> size.
        allow_last_axis_squeeze: whether a last axis of size one may be missing or too many.
        name: the input's name, for dictionaries of inputs.
        optional: whether the input may be None.

    Example:
        >>> InputSpec(min_ndim=2, axes={-1: 3})
        InputSpec(min_ndim=2, axes={-1: 3})
    """

    def __init__(
        self,
        dtype: Any = None,
        shape: Any = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: dict[int, int | None] | None = None,
        allow_last_axis_squeeze: bool = False,
        name: str | None = None,
        optional: bool = False,
    ) -> None:
        self.dtype = None if dtype is None else dtypes.standardize_dtype(dtype)
        self.shape = None if shape is None else standardize_shape(shape)
        self.ndim = len(self.shape) if self.shape is not None else ndim
        self.max_ndim = max_ndim
        self.min_ndim = min_ndim
        self.axes = {int(axis): size for axis, size in (axes or {}).items()}
        self.allow_last_axis_squeeze = allow_last_axis_squeeze
        self.name = name
        self.optional = optional

    def get_config(self) -> dict[str, Any]:
        """The arguments that make it again."""
        return dict(self.__dict__)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> InputSpec:
        """Make one from ``get_config``'s result."""
        return cls(**config)

    def __repr__(self) -> str:
        given = {k: v for k, v in self.__dict__.items() if v not in (None, False, {})}
        return f"InputSpec({', '.join(f'{k}={v!r}' for k, v in given.items())})"

    def fault(self, x: Any) -> str | None:
        """What is wrong with an input: expected and received; None where nothing is."""
        shape = x.shape
        rank = len(shape)
        if self.allow_last_axis_squeeze and self.shape is not None:
            shape, expected = _without_last_one(tuple(shape), self.shape)
            rank = len(shape)
        else:
            expected = self.shape
        if self.ndim is not None and expected is None and rank != self.ndim:
            return f"expected ndim={self.ndim}, received ndim={rank}"
        if self.max_ndim is not None and rank > self.max_ndim:
            return f"expected at most ndim={self.max_ndim}, received ndim={rank}"
        if self.min_ndim is not None and rank < self.min_ndim:
            return f"expected at least ndim={self.min_ndim}, received ndim={rank}"
        if self.dtype is not None and dtypes.standardize_dtype(x.dtype) != self.dtype:
            return f"expected dtype={self.dtype}, received dtype={dtypes.standardize_dtype(x.dtype)}"
        for axis, size in self.axes.items():
            if size is not None and -rank <= axis < rank and shape[axis] not in (size, None):
                return f"expected axis {axis} to have size {size}, received size {shape[axis]}"
        if expected is not None and (
            len(expected) != rank
            or any(None not in (want, got) and want != got for want, got in zip(expected, shape, strict=True))
        ):
            return f"expected shape={self.shape}"
        return None


def _without_last_one(shape: tuple[Any, ...], expected: tuple[Any, ...]) -> tuple[Any, Any]:
    if shape and shape[-1] == 1 and len(shape) == len(expected) + 1:
        return shape[:-1], expected
    if expected and expected[-1] == 1 and len(expected) == len(shape) + 1:
        return shape, expected[:-1]
    return shape, expected


def check_inputs(input_spec: Any, inputs: Any, layer: Any) -> None:
    """Raise a ValueError that names the layer and the fault unless the inputs are as demanded."""
    if type(input_spec) is InputSpec and hasattr(inputs, "shape") and input_spec.fault(inputs) is None:
        return
    layer_path = layer.path
    specs = tree.flatten(input_spec)
    if isinstance(inputs, dict) and all(spec is not None and spec.name is not None for spec in specs):
        missing = [spec.name for spec in specs if spec.name not in inputs and not spec.optional]
        if missing:
            raise ValueError(f"Layer {layer_path!r} misses the inputs {missing}. Received inputs named {list(inputs)}.")
        leaves = [inputs.get(spec.name) for spec in specs]
    else:
        leaves = tree.flatten(inputs)
    if len(leaves) != len(specs):
        raise ValueError(f"Layer {layer_path!r} expects {len(specs)} inputs, received {len(leaves)}.")
    for position, (x, spec) in enumerate(zip(leaves, specs, strict=True)):
        if spec is None or (x is None and spec.optional):
            continue
        if x is None or not hasattr(x, "shape"):
            raise ValueError(f"Layer {layer_path!r} expects a tensor as input {position}, received {x!r}.")
        fault = spec.fault(x)
        if fault is not None:
            raise ValueError(
                f"Input {position} of layer {layer_path!r} doesn't fit: {fault}. Full shape received: {tuple(x.shape)}. "
                "Reshape the input, or change what gives it to the layer."
            )

"""Products of two tensors along axes, sample by sample."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.layers.merging.base_merge import Merge


class Dot(Merge):
    """The sums of products of two inputs along one axis of each, sample by sample.

    Args:
        axes: the axis of both, or one for each.
        normalize: whether inputs are scaled to norm one along the axis first, which gives their cosine.

    Input shape:
        two tensors with the same batch size and the same size of the axes
    Output shape:
        ``(batch, ...)`` with the other axes of the first input, then of the second; ``(batch, 1)`` where none is left

    Example:
        >>> convert_to_numpy(Dot(1)([convert_to_tensor([[1.0, 2.0]]), convert_to_tensor([[3.0, 4.0]])])).tolist()
        [[11.0]]
    """

    def __init__(self, axes: Any, normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(axes, int) and (not hasattr(axes, "__len__") or len(axes) != 2):
            raise ValueError(f"Layer {self.name!r}: axes is an integer or two, received {axes!r}.")
        self.axes = axes
        self.normalize = normalize
        self.supports_masking = True

    def _axes_for(self, ranks: tuple[int, int]) -> tuple[int, int]:
        given = (self.axes, self.axes) if isinstance(self.axes, int) else tuple(self.axes)
        axes = tuple(a % r for a, r in zip(given, ranks, strict=True))
        if 0 in axes:
            raise ValueError(f"Layer {self.path!r}: axes can't name the batch axis, received {self.axes}.")
        return axes  # type: ignore[return-value]

    def call(self, inputs: Any) -> Tensor:
        x1, x2 = inputs
        a1, a2 = self._axes_for((len(x1.shape), len(x2.shape)))
        if self.normalize:
            x1, x2 = ops.normalize(x1, axis=a1), ops.normalize(x2, axis=a2)
        # Letters: b for the batch, z for the axis summed over, others in order.
        rest = iter("acdefghijklmnopq")
        first = "b" + "".join("z" if i == a1 else next(rest) for i in range(1, len(x1.shape)))
        second = "b" + "".join("z" if i == a2 else next(rest) for i in range(1, len(x2.shape)))
        out = "b" + (first[1:] + second[1:]).replace("z", "")
        product = ops.einsum(f"{first},{second}->{out}", x1, x2)
        return ops.expand_dims(product, 1) if len(product.shape) == 1 else product

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        shapes = self._checked(input_shape)
        if len(shapes) != 2:
            raise ValueError(f"Layer {self.path!r} takes two inputs, received {len(shapes)}.")
        s1, s2 = shapes
        a1, a2 = self._axes_for((len(s1), len(s2)))
        if s1[a1] != s2[a2] and None not in (s1[a1], s2[a2]):
            raise ValueError(
                f"Layer {self.path!r}: axis {a1} of the first input and axis {a2} of the second must have one size, received "
                f"the shapes {s1} and {s2}."
            )
        rest = (*(d for i, d in enumerate(s1) if i not in (0, a1)), *(d for i, d in enumerate(s2) if i not in (0, a2)))
        return (s1[0], *(rest or (1,)))

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        return None

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axes": self.axes, "normalize": self.normalize}


def dot(inputs: list[Tensor], axes: Any = -1, **kwargs: Any) -> Tensor:
    """The sums of products of two tensors along one axis of each, sample by sample.

    Args:
        inputs: two tensors.
        axes: the axis of both, or one for each.
        kwargs: as the layer takes them.
    """
    return Dot(axes=axes, **kwargs)(inputs)

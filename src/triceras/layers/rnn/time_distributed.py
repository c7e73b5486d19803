"""A layer applied to each step."""

from __future__ import annotations

from typing import Any

from triceras import ops, tree
from triceras.backends.base import Tensor
from triceras.layers.call_plan import call_plan
from triceras.layers.core.wrapper import Wrapper


class TimeDistributed(Wrapper):
    """Applies a layer to each step of a sequence, all steps at once as one larger batch.

    Args:
        layer: the layer.

    Input shape:
        ``(batch, time, ...)``
    Output shape:
        ``(batch, time, ...)``, the rest as the layer gives it

    Example:
        >>> shape(TimeDistributed(Dense(4))(ones((2, 6, 3))))
        (2, 6, 4)
    """

    def __init__(self, layer: Any, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        self._check_rank(input_shape)
        super().build((input_shape[0], *input_shape[2:]))

    def _check_rank(self, shape: Any) -> None:
        if len(shape) < 3:
            raise ValueError(
                f"Layer {self.path!r} expects inputs of at least 3 axes, (batch, time, ...), received the shape {tuple(shape)}."
            )

    def call(self, inputs: Tensor, training: bool | None = None, mask: Any = None) -> Any:
        self._check_rank(inputs.shape)
        batch, time = ops.shape(inputs)[:2]
        plan = call_plan(type(self.layer).call)
        kwargs: dict[str, Any] = {"training": training} if plan.takes_training else {}
        if plan.takes_mask and mask is not None and len(mask.shape) > 2:
            kwargs["mask"] = ops.reshape(mask, (-1, *mask.shape[2:]))
        outputs = self.layer(ops.reshape(inputs, (-1, *inputs.shape[2:])), **kwargs)
        return tree.map_structure(lambda y: ops.reshape(y, (batch, time, *y.shape[1:])), outputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        self._check_rank(input_shape)
        inner = self.layer.compute_output_shape((input_shape[0], *input_shape[2:]))
        return tree.map_shape_structure(lambda s: (s[0], input_shape[1], *s[1:]), inner)

"""Spectral normalization."""

from __future__ import annotations

from typing import Any

from triceras import initializers, ops
from triceras.core import scopes
from triceras.layers.core.wrapper import Wrapper
from triceras.state.variable import Variable


class SpectralNormalization(Wrapper):
    """Divides a layer's weight by its greatest singular value in training (Miyato et al. 2018).

    The weight W, as a matrix ``(inputs, outputs)``, has the singular value ``v @ W @ u`` for the vectors that the power method
    finds; u is kept from one step to the next. The divided weight takes the place of the old one before the layer is
    called, so gradients and updates are those of what was computed with; in inference the weight is used as it is.

    Args:
        layer: a layer with a ``kernel`` or ``embeddings``.
        power_iterations: steps of the power method a call.

    Input shape:
        the layer's
    Output shape:
        the layer's

    Example:
        >>> shape(SpectralNormalization(Dense(4))(ones((2, 3)), training=True))
        (2, 4)
    """

    def __init__(self, layer: Any, power_iterations: int = 1, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        if not isinstance(power_iterations, int) or power_iterations <= 0:
            raise ValueError(
                f"Layer {self.name!r}: power_iterations is a positive integer, received {power_iterations!r}."
            )
        self.power_iterations = power_iterations

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        names = [name for name in ("kernel", "embeddings") if isinstance(getattr(self.layer, name, None), Variable)]
        if not names:
            raise AttributeError(
                f"Layer {self.path!r}: the layer inside, {self.layer!r}, has no variable 'kernel' or 'embeddings' to "
                "normalize."
            )
        self.kernel = getattr(self.layer, names[0])
        self.vector_u = self.add_weight(
            shape=(1, self.kernel.shape[-1]),
            initializer=initializers.TruncatedNormal(stddev=0.02),
            trainable=False,
            name="vector_u",
        )

    def call(self, inputs: Any, training: bool | None = False) -> Any:
        if training:
            with scopes.AutocastScope(None):
                self._normalize()
        return self.layer(inputs)

    def _normalize(self) -> None:
        kernel = self.kernel.value
        matrix = ops.stop_gradient(ops.reshape(kernel, (-1, kernel.shape[-1])))
        u = self.vector_u.value
        for _ in range(self.power_iterations):
            v = ops.normalize(ops.matmul(u, ops.transpose(matrix)), epsilon=1e-12)
            u = ops.normalize(ops.matmul(v, matrix), epsilon=1e-12)
        norm = ops.sum(ops.matmul(v, matrix) * u)
        self.vector_u.assign(u)
        # A change that gradients don't see is added, so that the gradient is the new kernel's where steps are pure, too.
        self.kernel.assign(kernel + ops.reshape(matrix / norm - matrix, kernel.shape))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "power_iterations": self.power_iterations}

"""How large gradients are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from triceras import ops
from triceras.callbacks.observing import ObservingCallback
from triceras.state.variable import Variable
from triceras.training.observer import Observer


class GradientNorm(ObservingCallback):
    """Logs the norm of all gradients together: its mean over the steps so far and the largest one.

    The figures are ``gradient_norm`` and ``gradient_norm_max``; with ``by_layer``, also the mean of each layer's own as
    ``gradient_norm/`` and the layer's path. They are of each batch's gradients as they come: divided by the scale of the loss,
    not yet clipped, before accumulation. With a scaler of losses, steps whose gradients overflowed don't count, as they
    change nothing. The norm is computed inside the step, and no more is read than without it.

    Args:
        by_layer: whether each layer has a figure.
        ord: p of the norm ``(Σ |g|^p)^(1/p)``, positive; infinity for the largest element.

    Raises:
        ValueError: another ``ord``; or, when training begins, the model has a ``train_step`` of its own.

    Example:
        >>> from triceras import callbacks
        >>> model = Sequential([Input((2,)), Dense(1, use_bias=False, kernel_initializer="zeros")])
        >>> model.compile("sgd", "mse")
        >>> x, y = np.array([[3.0, 4.0]]), np.array([[0.5]])
        >>> history = model.fit(x, y, verbose=0, callbacks=[callbacks.GradientNorm()])
        >>> history.history["gradient_norm"]
        [5.0]
    """

    def __init__(self, by_layer: bool = False, ord: float = 2) -> None:
        super().__init__()
        if isinstance(ord, bool) or not isinstance(ord, int | float) or not ord > 0:
            raise ValueError(f"GradientNorm: ord is a positive number, received {ord!r}.")
        self.by_layer = by_layer
        self.ord = float(ord)

    def make_observer(self, model: Any) -> Observer:
        owners = [_owner(v) for v in model.trainable_variables if not v.overwrite_with_gradient]
        return _Norms(self.ord, list(dict.fromkeys(owners)) if self.by_layer else [])


def _maximum(a: Any, b: Any) -> Any:
    """The larger number, or NaN where one is: some compilers' maxima pass over it."""
    return ops.where(ops.isnan(a), a, ops.where(ops.isnan(b), b, ops.maximum(a, b)))


def _owner(variable: Variable) -> str:
    """The path of the layer that a variable is of."""
    return variable.path.rpartition("/")[0] or variable.path


class _Norms(Observer):
    """The norms of gradients over steps.

    Args:
        order: p.
        layers: the paths of the layers that have a figure of their own.
    """

    def __init__(self, order: float, layers: list[str]) -> None:
        super().__init__(name="gradient_norm", dtype="float32")
        self._order = order
        self._layers = layers
        self.steps = self.add_variable((), "zeros", name="steps")
        self.largest = self.add_variable((), "zeros", name="largest")
        self.totals = self.add_variable((1 + len(layers),), "zeros", name="totals")

    def update_state(self, gradients: Sequence[Any], variables: Sequence[Variable], optimizer: Any) -> None:
        pairs = [
            (g, v) for g, v in zip(gradients, variables, strict=True) if g is not None and not v.overwrite_with_gradient
        ]
        each = self.backend.norms([g for g, _ in pairs], self._order)
        groups = [each]
        for layer in self._layers:
            numbers = [i for i, (_, v) in enumerate(pairs) if _owner(v) == layer]
            groups.append(ops.stack([each[i] for i in numbers]) if numbers else ops.zeros((1,)))
        norms = self.backend.norms(groups, self._order) / optimizer.scale_loss(ops.ones(()))
        if optimizer.skips_overflow:
            counts = ops.isfinite(norms[0])
            norms, one = ops.where(counts, norms, 0.0), ops.cast(counts, "float32")
        else:
            one = 1.0
        self.steps.assign(self.steps.value + one)
        self.largest.assign(_maximum(self.largest.value, norms[0]))
        self.totals.assign(self.totals.value + norms)

    def result(self) -> dict[str, Any]:
        means = ops.divide_no_nan(self.totals.value, self.steps.value)
        figures = {"gradient_norm": means[0], "gradient_norm_max": self.largest.value}
        return figures | {f"gradient_norm/{layer}": means[i] for i, layer in enumerate(self._layers, 1)}

"""F-scores: precision and recall in one figure."""

from __future__ import annotations

from typing import Any

from triceras import ops
from triceras.backends.base import Tensor
from triceras.core.masks import get_mask
from triceras.losses.loss import as_pair, as_tensor
from triceras.metrics.metric import Metric
from triceras.metrics.reduction import masked_weight

_AVERAGES = (None, "micro", "macro", "weighted")


class FBetaScore(Metric):
    """``(1 + beta**2) * precision * recall / (beta**2 * precision + recall)``.

    Args:
        average: how classes come together: None for a figure each, ``"micro"`` (counts added first), ``"macro"`` (the
            mean) or ``"weighted"`` (the mean weighted by how often each class occurs).
        beta: how much more recall counts than precision.
        threshold: what predictions of 1 exceed; None for the greatest one alone.
        name, dtype: as for ``Metric``.

    Example:
        >>> metric = FBetaScore(beta=2.0, threshold=0.5)
        >>> convert_to_numpy(metric([[1, 1], [1, 0]], [[0.9, 0.2], [0.9, 0.1]])).tolist()
        [1.0, 0.0]
    """

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        if average not in _AVERAGES:
            raise ValueError(f"Unknown average {average!r}. Expected one of: {', '.join(map(repr, _AVERAGES))}.")
        if not isinstance(beta, float) or beta <= 0:
            raise ValueError(f"beta is a float above 0, received {beta!r}.")
        if threshold is not None and (not isinstance(threshold, float) or not 0 < threshold <= 1):
            raise ValueError(f"threshold is a float above 0 and at most 1, or None, received {threshold!r}.")
        self.average = average
        self.beta = beta
        self.threshold = threshold
        self.axis = None if average == "micro" else 0

    def build(self, y_true_shape: Any, y_pred_shape: Any) -> None:
        """Make the state, once the number of classes is known."""
        if len(y_pred_shape) != 2 or y_pred_shape[1] is None:
            raise ValueError(
                f"The metric {self.name!r} takes predictions (batch, classes), received the shape "
                f"{tuple(y_pred_shape)}."
            )
        shape = () if self.average == "micro" else (y_pred_shape[1],)
        self.true_positives = self.add_variable(shape, "zeros", name="true_positives")
        self.false_positives = self.add_variable(shape, "zeros", name="false_positives")
        self.false_negatives = self.add_variable(shape, "zeros", name="false_negatives")
        self.intermediate_weights = self.add_variable(shape, "zeros", name="intermediate_weights")
        self.built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        given = masked_weight(get_mask(y_pred), sample_weight, self.dtype)
        y_true, y_pred = as_pair(y_true, as_tensor(y_pred, self.dtype))
        if not self.built:
            self.build(y_true.shape, y_pred.shape)
        if self.threshold is None:
            said = ops.one_hot(ops.argmax(y_pred, axis=-1), y_pred.shape[-1], dtype=self.dtype)
        else:
            said = ops.cast(y_pred > self.threshold, self.dtype)
        weight = 1.0 if given is None else ops.reshape(given, (-1, 1))
        for variable, values in (
            (self.true_positives, said * y_true),
            (self.false_positives, said * (1.0 - y_true)),
            (self.false_negatives, (1.0 - said) * y_true),
            (self.intermediate_weights, y_true),
        ):
            variable.assign(variable.value + ops.sum(values * weight, axis=self.axis))

    def result(self) -> Tensor:
        hits = self.true_positives.value
        precision = ops.divide_no_nan(hits, hits + self.false_positives.value)
        recall = ops.divide_no_nan(hits, hits + self.false_negatives.value)
        square = self.beta**2
        score = ops.divide_no_nan((1.0 + square) * precision * recall, square * precision + recall)
        if self.average == "weighted":
            weights = self.intermediate_weights.value
            return ops.divide_no_nan(ops.sum(score * weights), ops.sum(weights))
        return score if self.average is None else ops.mean(score)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "average": self.average, "beta": self.beta, "threshold": self.threshold}


class F1Score(FBetaScore):
    """``2 * precision * recall / (precision + recall)``; arguments as for ``FBetaScore``."""

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(average, 1.0, threshold, name, dtype)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["beta"]
        return config

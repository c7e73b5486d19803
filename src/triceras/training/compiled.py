"""What ``compile`` was given, matched to the model's outputs: one loss over all of them, and their metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from triceras import losses, metrics, ops, tree
from triceras.backends.base import Tensor
from triceras.metrics.metric import Metric
from triceras.metrics.reduction import Mean


def by_output(
    given: Any, y_pred: Any, output_names: list[str] | None, what: str, is_leaf: Callable[[Any], bool]
) -> list[Any]:
    """One entry of ``given`` for each output.

    Args:
        given: one for all outputs, a list in the order of the outputs, or a dictionary by output name.
        y_pred: the outputs, or their symbols.
        output_names: their names, where the model knows them.
        what: what is given, for errors.
        is_leaf: whether a value is one entry rather than a list of them.

    Raises:
        ValueError: names or numbers don't fit.
    """
    outputs = tree.flatten(y_pred)
    count = len(outputs)
    names = list(y_pred) if isinstance(y_pred, dict) else (output_names or [])
    if isinstance(given, dict):
        unknown = set(given) - set(names)
        if unknown:
            raise ValueError(
                f"{what} is given for outputs {sorted(unknown)} that the model doesn't have. Its outputs: {names}."
            )
        ordered = sorted(names) if isinstance(y_pred, dict) else names
        return [given.get(name) for name in ordered]
    if is_leaf(given):
        return [given] * count
    if len(given) != count:
        raise ValueError(f"{what} is a list of {len(given)} for a model with {count} outputs.")
    return list(given)


def names_of_outputs(y_pred: Any, output_names: list[str] | None) -> list[str]:
    """A name for each output, in order."""
    if isinstance(y_pred, dict):
        return sorted(y_pred)
    count = len(tree.flatten(y_pred))
    if output_names and len(output_names) == count:
        return output_names
    return [f"output_{i}" for i in range(count)]


class CompiledLoss:
    """The weighted sum of the losses of all outputs.

    Args:
        loss, loss_weights: as ``compile`` takes them.
        y_pred: the outputs' symbols.
        output_names: their names.
    """

    def __init__(self, loss: Any, loss_weights: Any, y_pred: Any, output_names: list[str] | None) -> None:
        entries = by_output(loss, y_pred, output_names, "loss", lambda v: v is None or not isinstance(v, list | tuple))
        weights = by_output(
            loss_weights, y_pred, output_names, "loss_weights", lambda v: v is None or isinstance(v, int | float)
        )
        self.names = names_of_outputs(y_pred, output_names)
        specs = tree.flatten(y_pred)
        self.losses = [None if e is None else _as_loss(e, spec) for e, spec in zip(entries, specs, strict=True)]
        #: For each output whose targets are class indices, the number of classes and the index that is ignored.
        self.label_ranges = [_label_range(e, spec) for e, spec in zip(self.losses, specs, strict=True)]
        self.weights = weights
        if all(entry is None for entry in self.losses):
            raise ValueError("No output has a loss: every entry of loss is None.")
        several = sum(entry is not None for entry in self.losses) > 1
        self.trackers: list[Mean | None] = [
            Mean(name=f"{name}_loss") if several and entry is not None else None
            for name, entry in zip(self.names, self.losses, strict=True)
        ]

    @property
    def metrics(self) -> list[Metric]:
        """The means of the outputs' own losses, where several have one."""
        return [tracker for tracker in self.trackers if tracker is not None]

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Tensor:
        """The loss of a batch, a scalar."""
        total: Any = None
        predictions = tree.flatten(y_pred)
        targets = flat_like(y_true, y_pred, self.names, "y")
        weights = flat_like(sample_weight, y_pred, self.names, "sample_weight", repeat=True)
        for i, (loss, target, prediction, weight) in enumerate(
            zip(self.losses, targets, predictions, weights, strict=True)
        ):
            if loss is None:
                continue
            value = self._of_output(self.names[i], loss, target, prediction, weight)
            tracker = self.trackers[i]
            if tracker is not None:
                rows = ops.shape(prediction)[0]
                tracker.update_state(ops.stop_gradient(value), float(rows) if isinstance(rows, int) else rows)
            if self.weights[i] is not None:
                value = value * self.weights[i]
            total = value if total is None else total + value
        return total

    def _of_output(self, name: str, loss: Any, target: Any, prediction: Any, weight: Any) -> Tensor:
        try:
            return loss(target, prediction, weight)
        except Exception as error:
            shapes = (
                f"targets of shape {tuple(ops.shape(target))} and predictions of shape {tuple(ops.shape(prediction))}"
            )
            error.add_note(
                f"In the loss of output {name!r}, with {shapes}. Bring the targets to the form of the predictions, or change "
                "the last layer or the loss."
            )
            raise


def flat_like(given: Any, y_pred: Any, names: list[str], what: str, repeat: bool = False) -> list[Any]:
    """Targets or weights as a list with one entry for each output."""
    count = len(tree.flatten(y_pred))
    if given is None:
        return [None] * count
    if isinstance(given, dict):
        missing = [name for name in names if name not in given]
        if missing and not repeat:
            raise ValueError(f"{what} is a dictionary without the outputs {missing}. It has: {sorted(given)}.")
        return [given.get(name) for name in names]
    leaves = tree.flatten(given)
    if len(leaves) == count:
        return leaves
    if repeat and len(leaves) == 1:
        return leaves * count
    raise ValueError(f"{what} has {len(leaves)} parts for a model with {count} outputs ({', '.join(names)}).")


def _as_loss(entry: Any, spec: Any) -> Callable[..., Tensor]:
    if isinstance(entry, losses.Loss):
        return entry
    if isinstance(entry, str) and entry.lower() in ("crossentropy", "ce"):
        raise ValueError(
            f"The loss {entry!r} is ambiguous. Choose 'binary_crossentropy', 'categorical_crossentropy' or "
            "'sparse_categorical_crossentropy'."
        )
    found = losses.get(entry)
    if isinstance(found, losses.Loss):
        return found
    return losses.LossFunctionWrapper(found, name=getattr(found, "__name__", None))


def _label_range(loss: Any, spec: Any) -> tuple[int, int | None] | None:
    if getattr(loss, "fn", None) is not losses.sparse_categorical_crossentropy or not spec.shape:
        return None
    classes = spec.shape[getattr(loss, "axis", -1)]
    return None if classes is None else (classes, getattr(loss, "ignore_class", None))


class CompiledMetrics:
    """The metrics of all outputs, unweighted and weighted.

    Args:
        given, weighted: as ``compile`` takes them for ``metrics`` and ``weighted_metrics``.
        y_true, y_pred: the targets' and outputs' symbols, by whose shapes ``"accuracy"`` is understood.
        output_names: the outputs' names.
    """

    def __init__(self, given: Any, weighted: Any, y_true: Any, y_pred: Any, output_names: list[str] | None) -> None:
        self.names = names_of_outputs(y_pred, output_names)
        targets = flat_like(y_true, y_pred, self.names, "y")
        predictions = tree.flatten(y_pred)
        self._rows: list[tuple[int, bool, Metric, str]] = []
        for is_weighted, entries in ((False, given), (True, weighted)):
            per_output = _metric_lists(entries, y_pred, output_names)
            for i, wanted in enumerate(per_output):
                for entry in wanted:
                    metric = _as_metric(entry, targets[i], predictions[i])
                    if not metric.built and targets[i] is not None:
                        metric.build(targets[i].shape, predictions[i].shape)
                    name = metric.name if len(self.names) == 1 else f"{self.names[i]}_{metric.name}"
                    self._rows.append((i, is_weighted, metric, name))

    @property
    def metrics(self) -> list[Metric]:
        """All of them."""
        return [metric for _, _, metric, _ in self._rows]

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch."""
        if not self._rows:
            return
        targets = flat_like(y_true, y_pred, self.names, "y")
        predictions = tree.flatten(y_pred)
        weights = flat_like(sample_weight, y_pred, self.names, "sample_weight", repeat=True)
        for i, is_weighted, metric, _ in self._rows:
            if targets[i] is not None:
                metric.update_state(targets[i], predictions[i], weights[i] if is_weighted else None)

    def results(self) -> Iterator[tuple[str, Any]]:
        """Names and figures."""
        for _, _, metric, name in self._rows:
            result = metric.result()
            if isinstance(result, dict):
                yield from result.items()
            else:
                yield name, result


def _metric_lists(entries: Any, y_pred: Any, output_names: list[str] | None) -> list[list[Any]]:
    """The metrics of each output; a flat list is for every output."""
    count = len(tree.flatten(y_pred))
    if entries is None:
        return [[] for _ in range(count)]
    if isinstance(entries, dict) or (
        isinstance(entries, list | tuple) and any(isinstance(e, list | tuple) for e in entries)
    ):
        chosen = by_output(entries, y_pred, output_names, "metrics", lambda v: False)
    else:
        entries = entries if isinstance(entries, list | tuple) else [entries]
        if count > 1 and len(entries) == count:
            chosen = list(entries)
        elif count > 1:
            raise ValueError(
                f"metrics is a list of {len(entries)} for a model with {count} outputs. Give a list or dictionary with one "
                "entry for each output."
            )
        else:
            chosen = [entries]
    return [
        [] if e is None else [m for m in (e if isinstance(e, list | tuple) else [e]) if m is not None] for e in chosen
    ]


#: "accuracy" and "crossentropy" by the kind of targets.
_BY_KIND = {
    "accuracy": ("binary_accuracy", "sparse_categorical_accuracy", "categorical_accuracy"),
    "crossentropy": ("binary_crossentropy", "sparse_categorical_crossentropy", "categorical_crossentropy"),
}
_SHORT = {"acc": "accuracy", "ce": "crossentropy"}


def _as_metric(entry: Any, y_true: Any, y_pred: Any) -> Metric:
    if isinstance(entry, Metric):
        return entry
    name = entry
    if isinstance(entry, str) and _SHORT.get(entry.lower(), entry.lower()) in _BY_KIND:
        name = _BY_KIND[_SHORT.get(entry.lower(), entry.lower())][_kind_of_targets(y_true, y_pred)]
    found = metrics.get(name)
    if isinstance(found, Metric):
        if isinstance(entry, str):
            found.name = entry
        return found
    label = entry if isinstance(entry, str) else getattr(entry, "__name__", type(entry).__name__)
    return metrics.MeanMetricWrapper(found, name=label)


def _kind_of_targets(y_true: Any, y_pred: Any) -> int:
    """0 for binary targets, 1 for class indices, 2 for one-hot ones."""
    if y_pred.shape and y_pred.shape[-1] == 1:
        return 0
    if len(y_true.shape) < len(y_pred.shape) or (y_true.shape[-1] == 1 and y_pred.shape[-1] != 1):
        return 1
    return 2

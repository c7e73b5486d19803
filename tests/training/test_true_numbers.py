"""What ``fit`` and ``evaluate`` report is what NumPy computes in float64 from all rows, to 1e-6.

A model whose outputs are its inputs, so that every prediction is known, reports every public metric twice: among ``metrics``,
which pass over sample weights, and among ``weighted_metrics``, which honour them. ``tests/metrics`` asks the metrics alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats
import sklearn.metrics as sk

import triceras
from triceras import callbacks, layers, metrics, ops
from triceras.backends import registry
from triceras.backends.registry import backend_scope

TRAINING = [name for name in registry.available_backends() if name != "numpy"]
RTOL = 1e-6
ROWS, BATCH = 70, 16
EPSILON = 1e-7
PENALTY = 0.045
LOSS_WEIGHTS = {"binary": 0.5, "hot": 2.0, "labels": 1.0, "classes": 0.25, "real": 1.5}

KINDS = ("binary", "hot", "labels", "classes", "real")

_draw = np.random.default_rng(3)


def _softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x)
    return e / e.sum(-1, keepdims=True)


_kinds = _draw.integers(0, 4, (3, ROWS))
#: Kind of target -> targets, and predictions. The scores of the binary ones lie further apart than AUC's thresholds, so that
#: each of its curves has every corner.
TARGETS: dict[str, np.ndarray] = {
    "binary": _draw.integers(0, 2, (ROWS, 3)).astype("float32"),
    "hot": np.eye(4, dtype="float32")[_kinds[0]],
    "labels": _kinds[1].astype("int32"),
    "classes": _kinds[2][:, None].astype("float32"),
    "real": _draw.uniform(0.5, 4.0, (ROWS, 5)).astype("float32"),
}
PREDICTIONS: dict[str, np.ndarray] = {
    "binary": ((2 * _draw.integers(0, 64, (ROWS, 3)) + 1) / 128).astype("float32"),
    "hot": _softmax(_draw.normal(size=(ROWS, 4))).astype("float32"),
    "labels": _softmax(_draw.normal(size=(ROWS, 4))).astype("float32"),
    "classes": np.where(_draw.random(ROWS) < 0.6, _kinds[2], _draw.integers(0, 4, ROWS))[:, None].astype("float32"),
    "real": _draw.uniform(0.5, 4.0, (ROWS, 5)).astype("float32"),
}
WEIGHTS = {kind: (_draw.integers(0, 17, ROWS) / 8).astype("float32") for kind in TARGETS}


# ---- references: (targets, predictions, weights) in float64 -> figure ------------------------------------------------


def mean_of(values: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Callable[..., float]:
    """The weighted mean over samples of a function's values, whose other axes are averaged."""

    def reference(y: np.ndarray, p: np.ndarray, w: np.ndarray) -> float:
        of_sample = np.asarray(values(y, p), "float64")
        return np.average(of_sample.reshape(len(w), -1).mean(-1), weights=w)

    return reference


def flat(score: Callable[..., Any]) -> Callable[..., Any]:
    """A score of scikit-learn over all labels of all samples, of predictions above a half where it takes decisions."""

    def reference(y: np.ndarray, p: np.ndarray, w: np.ndarray) -> Any:
        said = p if score is sk.roc_auc_score else p > 0.5
        return score(y.ravel(), said.ravel(), sample_weight=np.repeat(w, y.shape[1]))

    return reference


def counted(target: int, said: int) -> Callable[..., float]:
    return lambda y, p, w: (((y == target) & ((p > 0.5) == said)) * w[:, None]).sum()


def corners(y: np.ndarray, p: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, ...]:
    """True and false positives above every score, from none to all, and the weight of all positives and negatives."""
    y, p, w = y.ravel(), p.ravel(), np.broadcast_to(w[:, None], y.shape).ravel()
    above = p > np.array([*np.unique(p)[::-1], -1.0])[:, None]
    hits, alarms = (above * y * w).sum(1), (above * (1 - y) * w).sum(1)
    return hits, alarms, (y * w).sum(), ((1 - y) * w).sum()


def area_of_pr(y: np.ndarray, p: np.ndarray, w: np.ndarray) -> float:
    """The integral of precision over recall, where true and false positives go linearly from corner to corner."""
    hits, alarms, positives, _ = corners(y, p, w)

    def precision(number: float, i: int) -> float:
        share = (number - hits[i]) / (hits[i + 1] - hits[i])
        return number / (number + alarms[i] + (alarms[i + 1] - alarms[i]) * share) if number else 0.0

    risen = [i for i in range(len(hits) - 1) if hits[i + 1] > hits[i]]
    area = sum(scipy.integrate.quad(precision, hits[i], hits[i + 1], args=(i,))[0] for i in risen)
    return area / positives


def best(wanted: str, bounded: str, bound: float) -> Callable[..., float]:
    def reference(y: np.ndarray, p: np.ndarray, w: np.ndarray) -> float:
        hits, alarms, positives, negatives = corners(y, p, w)
        said = np.maximum(hits + alarms, 1e-30)
        rates = {"recall": hits / positives, "specificity": 1 - alarms / negatives, "precision": hits / said}
        return rates[wanted][rates[bounded] >= bound].max()

    return reference


def mean_of_labels(y: np.ndarray, p: np.ndarray, w: np.ndarray) -> float:
    return sk.roc_auc_score(y, p, average="macro", sample_weight=w)


def second_label(y: np.ndarray, p: np.ndarray, w: np.ndarray) -> float:
    return sk.precision_score(y[:, 1], p[:, 1] > 0.3, sample_weight=w)


def overlap(decide: Callable[[np.ndarray], np.ndarray], classes: list[int]) -> Callable[..., float]:
    def reference(y: np.ndarray, p: np.ndarray, w: np.ndarray) -> float:
        labels, said = decide(y).ravel(), decide(p).ravel()
        weights = np.repeat(w, len(labels) // len(w))
        return sk.jaccard_score(labels, said, labels=classes, average=None, sample_weight=weights).mean()

    return reference


def f_score(beta: float, decide: Callable[[np.ndarray], np.ndarray], average: str | None) -> Callable[..., Any]:
    return lambda y, p, w: sk.fbeta_score(y, decide(p), beta=beta, average=average, sample_weight=w, zero_division=0.0)


def concordance(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    a, b = y - y.mean(1, keepdims=True), p - p.mean(1, keepdims=True)
    distance = (y.mean(1) - p.mean(1)) ** 2
    return 2 * (a * b).mean(1) / (y.var(1) + p.var(1) + distance + EPSILON)


def binary_crossentropy(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    return -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean(-1)


def among_greatest(k: int) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    def reference(y: np.ndarray, p: np.ndarray) -> np.ndarray:
        label = (y.argmax(-1) if y.ndim > 1 else y).astype(int)
        return [a in b for a, b in zip(label, np.argsort(-p, axis=-1)[:, :k])]  # type: ignore[return-value]

    return reference


def _hot(p: np.ndarray) -> np.ndarray:
    return np.eye(p.shape[-1])[p.argmax(-1)]


def _log_share(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """The logarithm of the share that the true class has."""
    label = (y.argmax(-1) if y.ndim > 1 else y).astype(int)
    return np.log(np.take_along_axis(p / p.sum(-1, keepdims=True), label[:, None], -1)[:, 0])


def cube(y_true: Any, y_pred: Any) -> Any:
    """An error that no metric of the library has."""
    return ops.mean(ops.abs(y_true - y_pred) ** 3, axis=-1)


class Worst(metrics.Metric):
    """The greatest error, times its weight: what a user might write."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name)
        self.worst = self.add_weight(shape=(), initializer="zeros", name="worst")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        error = ops.max(ops.abs(y_true - y_pred), axis=-1)
        error = error if sample_weight is None else error * sample_weight
        self.worst.assign(ops.maximum(self.worst, ops.max(error)))

    def result(self) -> Any:
        return self.worst


@dataclass
class Row:
    """A metric with its arguments, the kind of targets it is asked about, and the reference for its figure."""

    name: str
    kind: str
    reference: Callable[..., Any]
    options: dict[str, Any] = field(default_factory=dict)

    def make(self, name: str) -> metrics.Metric:
        return (Worst if self.name == "Metric" else getattr(metrics, self.name))(name=name, **self.options)


_FOUR = {"num_classes": 4, "dtype": "float32"}
TABLE = [
    Row("BinaryAccuracy", "binary", mean_of(lambda y, p: (p > 0.5) == y)),
    Row("BinaryCrossentropy", "binary", mean_of(binary_crossentropy)),
    Row("AUC", "binary", flat(sk.roc_auc_score)),
    Row("AUC", "binary", area_of_pr, {"curve": "PR"}),
    Row("AUC", "binary", mean_of_labels, {"multi_label": True, "num_labels": 3}),
    Row("Precision", "binary", flat(sk.precision_score)),
    Row("Precision", "binary", second_label, {"class_id": 1, "thresholds": 0.3}),
    Row("Recall", "binary", flat(sk.recall_score)),
    Row("TruePositives", "binary", counted(1, 1)),
    Row("FalsePositives", "binary", counted(0, 1)),
    Row("TrueNegatives", "binary", counted(0, 0)),
    Row("FalseNegatives", "binary", counted(1, 0)),
    Row("SensitivityAtSpecificity", "binary", best("recall", "specificity", 0.413), {"specificity": 0.413}),
    Row("SpecificityAtSensitivity", "binary", best("specificity", "recall", 0.613), {"sensitivity": 0.613}),
    Row("PrecisionAtRecall", "binary", best("precision", "recall", 0.613), {"recall": 0.613}),
    Row("RecallAtPrecision", "binary", best("recall", "precision", 0.413), {"precision": 0.413}),
    Row("BinaryIoU", "binary", overlap(lambda x: x >= 0.5, [0, 1]), {"dtype": "float32"}),
    Row("Hinge", "binary", mean_of(lambda y, p: np.maximum(1 - (2 * y - 1) * p, 0))),
    Row("SquaredHinge", "binary", mean_of(lambda y, p: np.maximum(1 - (2 * y - 1) * p, 0) ** 2)),
    Row("F1Score", "binary", f_score(1.0, lambda p: p > 0.4, "weighted"), {"threshold": 0.4, "average": "weighted"}),
    Row("F1Score", "hot", f_score(1.0, _hot, None)),
    Row("FBetaScore", "hot", f_score(2.0, _hot, "macro"), {"beta": 2.0, "average": "macro"}),
    Row("FBetaScore", "hot", f_score(0.5, _hot, "micro"), {"beta": 0.5, "average": "micro"}),
    Row("CategoricalAccuracy", "hot", mean_of(lambda y, p: y.argmax(-1) == p.argmax(-1))),
    Row("TopKCategoricalAccuracy", "hot", mean_of(among_greatest(2)), {"k": 2}),
    Row("CategoricalCrossentropy", "hot", mean_of(lambda y, p: -_log_share(y, p))),
    Row("CategoricalHinge", "hot", mean_of(lambda y, p: np.maximum(1 + ((1 - y) * p).max(-1) - (y * p).sum(-1), 0))),
    Row("KLDivergence", "hot", mean_of(lambda y, p: scipy.special.rel_entr(*np.clip((y, p), EPSILON, 1)).sum(-1))),
    Row("OneHotIoU", "hot", overlap(lambda x: x.argmax(-1), [0, 2]), _FOUR | {"target_class_ids": [0, 2]}),
    Row("OneHotMeanIoU", "hot", overlap(lambda x: x.argmax(-1), [0, 1, 2, 3]), _FOUR),
    Row("SparseCategoricalAccuracy", "labels", mean_of(lambda y, p: y == p.argmax(-1))),
    Row("SparseTopKCategoricalAccuracy", "labels", mean_of(among_greatest(2)), {"k": 2}),
    Row("SparseCategoricalCrossentropy", "labels", mean_of(lambda y, p: -_log_share(y, p))),
    Row("Accuracy", "classes", mean_of(lambda y, p: y == p)),
    Row("IoU", "classes", overlap(lambda x: x, [1, 3]), _FOUR | {"target_class_ids": [1, 3]}),
    Row("MeanIoU", "classes", overlap(lambda x: x, [0, 1, 2, 3]), _FOUR),
    Row("MeanSquaredError", "real", mean_of(lambda y, p: (y - p) ** 2)),
    Row("MeanAbsoluteError", "real", mean_of(lambda y, p: np.abs(y - p))),
    Row("MeanAbsolutePercentageError", "real", mean_of(lambda y, p: 100 * np.abs((y - p) / y))),
    Row("MeanSquaredLogarithmicError", "real", mean_of(lambda y, p: (np.log1p(y) - np.log1p(p)) ** 2)),
    Row("RootMeanSquaredError", "real", lambda y, p, w: np.sqrt(mean_of(lambda y, p: (y - p) ** 2)(y, p, w))),
    Row("CosineSimilarity", "real", mean_of(lambda y, p: (y * p).sum(1) / np.sqrt((y * y).sum(1) * (p * p).sum(1)))),
    Row("LogCoshError", "real", mean_of(lambda y, p: np.log(np.cosh(y - p)))),
    Row("Poisson", "real", mean_of(lambda y, p: p - y * np.log(p + EPSILON))),
    Row("PearsonCorrelation", "real", mean_of(lambda y, p: scipy.stats.pearsonr(y, p, axis=1).statistic)),
    Row("ConcordanceCorrelation", "real", mean_of(concordance)),
    Row("R2Score", "real", lambda y, p, w: sk.r2_score(y, p, sample_weight=w)),
    Row("MeanMetricWrapper", "real", mean_of(lambda y, p: np.abs(y - p) ** 3), {"fn": cube}),
    Row("Metric", "real", lambda y, p, w: (np.abs(y - p).max(-1) * w).max()),
]  # fmt: skip
#: Those of values alone, which a layer keeps.
OF_VALUES = {"Mean": np.mean, "Sum": np.sum}
#: Kind -> its loss, and a value per sample for it.
LOSSES: dict[str, tuple[str, Callable[[np.ndarray, np.ndarray], np.ndarray]]] = {
    "binary": ("binary_crossentropy", binary_crossentropy),
    "hot": ("categorical_crossentropy", lambda y, p: -_log_share(y, p)),
    "labels": ("sparse_categorical_crossentropy", lambda y, p: -_log_share(y, p)),
    "classes": ("mae", lambda y, p: np.abs(y - p).mean(-1)),
    "real": ("mse", lambda y, p: ((y - p) ** 2).mean(-1)),
}


def test_every_metric_has_a_row() -> None:
    exported = {name for name in metrics.__all__ if isinstance(getattr(metrics, name), type)}
    assert {row.name for row in TABLE} | set(OF_VALUES) == exported


# ---- the model, and what it must report ------------------------------------------------------------------------------


class Passes(layers.Layer):
    """Its inputs as they are; a weight that enters nothing gives training something to do, and a penalty."""

    def __init__(self, watched: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.spare = self.add_weight(
            shape=(1,), initializer=triceras.initializers.Constant(3.0), regularizer=triceras.regularizers.L2(0.005)
        )
        self.figures = [getattr(metrics, name)(name=name) for name in OF_VALUES] if watched else []
        for figure in self.figures:
            setattr(self, f"_{figure.name}", figure)

    def call(self, inputs: Any) -> Any:
        for figure in self.figures:
            figure.update_state(inputs)
        return inputs


def reporting(
    kinds: tuple[str, ...] = KINDS, only: tuple[str, ...] = (), steps: tuple[int, ...] = ()
) -> triceras.Model:
    """A model with an output for each kind, compiled with the metrics of the table for it.

    Args:
        kinds: of targets.
        only: the metrics, all by default.
        steps: the axes of time; with them, steps whose inputs are all zero are masked.
    """
    triceras.utils.clear_session()
    inputs = {kind: triceras.Input((*steps, *PREDICTIONS[kind].shape[1:]), name=kind) for kind in kinds}
    outputs = {kind: (layers.Masking() if steps else layers.Identity())(x) for kind, x in inputs.items()}
    outputs[kinds[-1]] = Passes(watched=not steps)(outputs[kinds[-1]])
    single = len(kinds) == 1
    model = triceras.Model(inputs[kinds[0]], outputs[kinds[0]]) if single else triceras.Model(inputs, outputs)

    def chosen(prefix: str) -> Any:
        named: dict[str, list[metrics.Metric]] = {kind: [] for kind in kinds}
        for i, row in enumerate(TABLE):
            if row.kind in kinds and (not only or row.name in only):
                named[row.kind].append(row.make(f"{prefix}{i}"))
        return named[kinds[0]] if single else named

    model.compile(
        triceras.optimizers.SGD(0.0),
        LOSSES[kinds[0]][0] if single else {kind: LOSSES[kind][0] for kind in kinds},
        loss_weights=None if single else {kind: LOSS_WEIGHTS[kind] for kind in kinds},
        metrics=chosen("plain"),
        weighted_metrics=chosen("weighted"),
    )
    return model


Arrays = dict[str, np.ndarray]


def figures(
    rows: Any = slice(None),
    weights: Arrays | None = None,
    kinds: tuple[str, ...] = KINDS,
    only: tuple[str, ...] = (),
    keep: np.ndarray | None = None,
) -> dict[str, Any]:
    """What NumPy finds for some rows; ``keep`` is 0 for those that a mask leaves out."""
    found: dict[str, Any] = {}
    for kind in kinds:
        y, p = (a[kind][rows].astype("float64") for a in (TARGETS, PREDICTIONS))
        plain = np.ones(len(y)) if keep is None else keep[rows]
        weighted = plain if weights is None else plain * weights[kind][rows].astype("float64")
        for i, row in enumerate(TABLE):
            if row.kind == kind and (not only or row.name in only):
                for prefix, w in (("plain", plain), ("weighted", weighted)):
                    name = f"{prefix}{i}" if len(kinds) == 1 else f"{kind}_{prefix}{i}"
                    found[name] = row.reference(*(a[plain > 0] for a in (y, p, w)))
        if keep is None:
            found[f"{kind}_loss"] = np.mean(LOSSES[kind][1](y, p) * weighted)
    if keep is None:
        shares = {kind: LOSS_WEIGHTS[kind] if len(kinds) > 1 else 1.0 for kind in kinds}
        found["loss"] = sum(share * found[f"{kind}_loss"] for kind, share in shares.items()) + PENALTY
        found |= {name: reduce(PREDICTIONS[kinds[-1]][rows].astype("float64")) for name, reduce in OF_VALUES.items()}
        if len(kinds) == 1:
            del found[f"{kinds[0]}_loss"]
    return found


def agree(logs: dict[str, Any], expected: dict[str, Any], prefix: str = "") -> None:
    assert {name.removeprefix(prefix) for name in logs if name.startswith(prefix)} == set(expected)
    for name, value in expected.items():
        number = name.rsplit("plain")[-1].rsplit("weighted")[-1]
        what = f"{prefix}{name} ({TABLE[int(number)].name})" if number.isdigit() else prefix + name
        np.testing.assert_allclose(logs[prefix + name], value, rtol=RTOL, atol=1e-9, err_msg=what)


def epoch(history: Any, number: int, prefix: str = "") -> dict[str, Any]:
    """The figures of one epoch, of training or of validation."""
    logs = {name: values[number] for name, values in history.history.items()}
    return {name: value for name, value in logs.items() if name.startswith("val_") == bool(prefix)}


class Running(callbacks.Callback):
    """Gathers the figures after every batch."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[str, list[dict[str, Any]]] = {"train": [], "test": []}

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.seen["train"].append(dict(logs))

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        self.seen["test"].append(dict(logs))


class Batches:
    """An iterable of batches of arrays, the last one smaller."""

    def __init__(self, *parts: Any, size: int = BATCH) -> None:
        self.parts = parts
        self.size = size

    def __iter__(self) -> Iterator[tuple[np.ndarray, ...]]:
        for i in range(0, len(self.parts[0]), self.size):
            yield tuple(part[i : i + self.size] for part in self.parts)


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAINING)
def test_every_metric(name: str) -> None:
    """In training, validation and evaluation, after each batch, however many steps are in a call."""
    with backend_scope(name):
        model = reporting()
        data, expected = (PREDICTIONS, TARGETS), figures(weights=WEIGHTS)
        plan: dict[str, Any] = {"batch_size": BATCH, "sample_weight": WEIGHTS, "verbose": 0}
        validated = plan | {"validation_data": (*data, WEIGHTS)}
        for steps in ("auto", 3):
            model.steps_per_execution = steps
            history = model.fit(*data, epochs=2, **validated)
            for number in range(2):
                agree(epoch(history, number), expected)
                agree(epoch(history, number, "val_"), expected, "val_")
            agree(model.evaluate(*data, return_dict=True, **plan), expected)
        running = Running()
        model.fit(*data, shuffle=False, callbacks=[running], **validated)
        for i in range(-(-ROWS // BATCH)):
            so_far = figures(slice((i + 1) * BATCH), WEIGHTS)
            for seen in running.seen.values():
                agree(seen[i], so_far)
                assert len(seen) == 5


@pytest.mark.parametrize("name", TRAINING)
def test_batches(name: str) -> None:
    """From an iterable, with as many steps in a call as its batches allow."""
    few: Any = (("real",), ("MeanSquaredError", "RootMeanSquaredError", "R2Score"))
    with backend_scope(name):
        model = reporting(*few)
        data = (PREDICTIONS["real"], TARGETS["real"], WEIGHTS["real"])
        expected = figures(slice(None), WEIGHTS, *few)
        for steps in (1, 3, "auto"):
            model.steps_per_execution = steps
            history = model.fit(Batches(*data), validation_data=Batches(*data), verbose=0)
            agree(epoch(history, 0), expected)
            agree(epoch(history, 0, "val_"), expected, "val_")
        unweighted = figures(slice(None), None, *few)
        agree(model.evaluate(Batches(*data[:2]), verbose=0, return_dict=True), unweighted)
        agree(model.evaluate(*data[:2], batch_size=BATCH, verbose=0, return_dict=True), unweighted)


@pytest.mark.parametrize("name", TRAINING)
def test_eagerly(name: str) -> None:
    with backend_scope(name):
        model = reporting(("real",))
        model.run_eagerly = True
        data = (PREDICTIONS["real"], TARGETS["real"])
        plan = {"batch_size": BATCH, "sample_weight": WEIGHTS["real"], "verbose": 0}
        expected = figures(weights=WEIGHTS, kinds=("real",))
        agree(epoch(model.fit(*data, **plan), 0), expected)
        agree(model.evaluate(*data, return_dict=True, **plan), expected)


@pytest.mark.parametrize("name", TRAINING)
@pytest.mark.parametrize("kind", ["labels", "hot"])
def test_class_weight(name: str, kind: str) -> None:
    """Weights by class are sample weights: for the loss and the weighted metrics alone."""
    by_class = {0: 0.5, 1: 2.0, 3: 0.25}
    classes = _kinds[1] if kind == "labels" else _kinds[0]
    weights = {kind: np.array([by_class.get(int(c), 1.0) for c in classes], "float32")}
    few: Any = ((kind,), ("SparseCategoricalAccuracy", "CategoricalAccuracy", "F1Score"))
    with backend_scope(name):
        model = reporting(*few)
        data = (PREDICTIONS[kind], TARGETS[kind])
        expected = figures(slice(None), weights, *few)
        agree(epoch(model.fit(*data, batch_size=BATCH, class_weight=by_class, verbose=0), 0), expected)
        agree(epoch(model.fit(Batches(*data), class_weight=by_class, verbose=0), 0), expected)


@pytest.mark.parametrize("name", TRAINING)
def test_masks(name: str) -> None:
    """Masked steps of sequences count in no metric, weighted or not; the loss is a mean over those that count."""
    kinds, steps, size = ("binary", "real"), 5, 4
    few: Any = (kinds, ("AUC", "BinaryAccuracy", "Precision", "BinaryIoU", "MeanSquaredError", "RootMeanSquaredError"))
    length = ROWS // steps
    keep = _draw.random((length, steps)) < 0.7
    keep[:, 0] = True

    def sequences(arrays: Arrays) -> Arrays:
        return {kind: arrays[kind].reshape(length, steps, *arrays[kind].shape[1:]) for kind in kinds}

    x = {kind: a * keep[..., None] for kind, a in sequences(PREDICTIONS).items()}
    y, weights = sequences(TARGETS), sequences(WEIGHTS)
    expected = figures(slice(None), WEIGHTS, *few, keep=keep.ravel().astype("float64"))
    for kind in kinds:
        errors = LOSSES[kind][1](TARGETS[kind].astype("float64"), PREDICTIONS[kind].astype("float64"))
        of_step = errors.reshape(length, steps) * keep * weights[kind]
        spans = [slice(i, i + size) for i in range(0, length, size)]
        expected[f"{kind}_loss"] = sum(of_step[s].sum() / keep[s].sum() * len(keep[s]) for s in spans) / length
    expected["loss"] = sum(LOSS_WEIGHTS[kind] * expected[f"{kind}_loss"] for kind in kinds) + PENALTY
    plan: dict[str, Any] = {"batch_size": size, "sample_weight": weights, "verbose": 0}
    with backend_scope(name):
        model = reporting(*few, steps=(steps,))
        for steps_per_execution in ("auto", 2):
            model.steps_per_execution = steps_per_execution
            agree(epoch(model.fit(x, y, shuffle=False, **plan), 0), expected)
            agree(model.evaluate(x, y, return_dict=True, **plan), expected)

"""Every loss against keras and NumPy, on each backend."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests import black_box
from triceras import losses, ops

_draw = np.random.default_rng(0)
REAL, OTHER = (_draw.normal(size=(4, 3)).astype("float32") for _ in range(2))
SHARE, PREDICTED = (_draw.random((4, 3)).astype("float32") for _ in range(2))
BINARY = _draw.integers(0, 2, (4, 3)).astype("float32")
CLASSES = np.array([0, 2, 1, 1], "int32")
HOT = np.eye(3, dtype="float32")[CLASSES]
UNIT = OTHER / np.linalg.norm(OTHER, axis=-1, keepdims=True)
WEIGHT = np.array([0.5, 2.0, 0.0, 1.0], "float32")
STEPS = _draw.normal(size=(2, 6, 4)).astype("float32")
TRANSCRIPT = np.array([[1, 2, 0], [3, 1, 1]], "int32")

#: (class, its arguments, targets, predictions)
ROWS: list[tuple[str, dict[str, Any], Any, Any]] = [
    ("MeanSquaredError", {}, REAL, OTHER),
    ("MeanAbsoluteError", {}, REAL, OTHER),
    ("MeanAbsolutePercentageError", {}, REAL, OTHER),
    ("MeanSquaredLogarithmicError", {}, REAL, OTHER),
    ("Huber", {"delta": 0.7}, REAL, OTHER),
    ("LogCosh", {}, 10 * REAL, OTHER),
    ("CosineSimilarity", {}, REAL, OTHER),
    ("CosineSimilarity", {"axis": 0}, REAL, OTHER),
    ("KLDivergence", {}, SHARE, PREDICTED),
    ("Poisson", {}, SHARE, PREDICTED),
    ("Hinge", {}, BINARY, OTHER),
    ("Hinge", {}, 2 * BINARY - 1, OTHER),
    ("SquaredHinge", {}, BINARY, OTHER),
    ("CategoricalHinge", {}, HOT, OTHER),
    ("BinaryCrossentropy", {}, BINARY, PREDICTED),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, BINARY, OTHER),
    ("BinaryFocalCrossentropy", {}, BINARY, PREDICTED),
    ("BinaryFocalCrossentropy", {"apply_class_balancing": True, "from_logits": True, "gamma": 1.5}, BINARY, OTHER),
    ("CategoricalCrossentropy", {}, HOT, PREDICTED),
    ("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, HOT, OTHER),
    ("CategoricalCrossentropy", {"axis": 0}, HOT, PREDICTED),
    ("CategoricalFocalCrossentropy", {"gamma": 1.5}, HOT, PREDICTED),
    ("CategoricalFocalCrossentropy", {"from_logits": True, "alpha": [0.1, 0.2, 0.3]}, HOT, OTHER),
    ("SparseCategoricalCrossentropy", {}, CLASSES, PREDICTED),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, CLASSES[:, None], OTHER),
    ("SparseCategoricalCrossentropy", {"ignore_class": 1}, CLASSES, PREDICTED),
    ("SparseCategoricalCrossentropy", {"ignore_class": -1}, np.array([0, -1, 1, -1], "int32"), PREDICTED),
    ("CategoricalGeneralizedCrossEntropy", {"q": 0.3}, CLASSES, PREDICTED),
    ("Dice", {}, BINARY, PREDICTED),
    ("Dice", {"axis": [1]}, BINARY, PREDICTED),
    ("Tversky", {"alpha": 0.3, "beta": 0.8}, BINARY, PREDICTED),
    ("Circle", {"gamma": 10.0}, CLASSES, UNIT),
    ("Circle", {"gamma": 10.0, "remove_diagonal": False}, CLASSES, UNIT),
    ("CTC", {}, TRANSCRIPT, STEPS),
]
REDUCTIONS = ["sum_over_batch_size", "sum", "none", "mean_with_sample_weight"]
#: Rows whose values per sample aren't one for each row of the batch.
UNWEIGHTED = ("Dice", "Tversky", "CTC")


def _settings(name: str, options: dict[str, Any]) -> list[tuple[str, bool]]:
    weighted = [] if name in UNWEIGHTED or options.get("axis") == 0 else [(reduction, True) for reduction in REDUCTIONS]
    return [("sum_over_batch_size", False), ("none", False), *weighted]


CASES = [(row, *setting) for row in ROWS for setting in _settings(row[0], row[1])]


@pytest.fixture(scope="module")
def expected() -> list[Any]:
    code = """
def answer(row):
    name, options, y_true, y_pred, y_type, reduction, weight = row
    loss = getattr(keras.losses, name)(**options, reduction=reduction)
    weight = None if weight is None else np.array(weight, "float32")
    return plain(loss(np.array(y_true, y_type), np.array(y_pred, "float32"), weight))
"""
    rows = [
        (name, options, t.tolist(), p.tolist(), str(t.dtype), reduction, WEIGHT.tolist() if weighted else None)
        for (name, options, t, p), reduction, weighted in CASES
    ]
    return black_box.run(code, rows)


def _make(cls: str, options: dict[str, Any], **more: Any) -> losses.Loss:
    return getattr(losses, cls)(**options, **more)


@pytest.mark.parametrize("case", range(len(CASES)), ids=lambda i: f"{CASES[i][0][0]}-{CASES[i][1]}-{i}")
def test_value_is_that_of_keras(backend: Any, expected: list[Any], case: int) -> None:
    (name, options, y_true, y_pred), reduction, weighted = CASES[case]
    loss = _make(name, options, reduction=reduction)
    result = loss(y_true, backend.convert_to_tensor(y_pred), WEIGHT if weighted else None)
    np.testing.assert_allclose(ops.convert_to_numpy(result), expected[case], rtol=2e-5, atol=2e-6)


def test_every_loss_has_a_row() -> None:
    tested = {name for name, *_ in ROWS}
    assert {cls.__name__ for cls in losses.CLASSES} - tested == {"Loss", "LossFunctionWrapper"}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_config_makes_it_again(row: Any) -> None:
    loss = _make(row[0], row[1], reduction="sum", name="mine")
    again = losses.deserialize(losses.serialize(loss))
    assert type(again) is type(loss)
    assert again.get_config() == loss.get_config()
    assert losses.serialize(loss)["module"] == "keras.losses"


def test_config_of_a_dtype() -> None:
    loss = losses.MeanSquaredError(dtype="float16")
    assert losses.deserialize(losses.serialize(loss)).dtype == "float16"


@pytest.mark.parametrize(
    "alias", ["mse", "MSE", "mae", "MAPE", "msle", "bce", "BCE", "kld", "KLD", "hinge", "log_cosh"]
)
def test_names_of_functions(alias: str) -> None:
    assert losses.get(alias) in losses.FUNCTIONS


def test_get() -> None:
    assert losses.get(None) is None
    assert isinstance(losses.get("MeanSquaredError"), losses.MeanSquaredError)
    assert losses.get(losses.mean_squared_error) is losses.mean_squared_error
    assert isinstance(losses.get({"class_name": "Huber", "config": {"delta": 2.0}}), losses.Huber)
    with pytest.raises(ValueError, match=r"Unknown loss: 'cce'. Expected an instance, a callable or one of: .*mse"):
        losses.get("cce")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: losses.MeanSquaredError(reduction="median"), "Unknown reduction 'median'. Expected one of"),
        (lambda: losses.BinaryCrossentropy(label_smoothing=2), "label_smoothing is a number from 0 to 1, received 2"),
        (lambda: losses.CategoricalGeneralizedCrossEntropy(q=2.0), "q lies between 0 and 1, received 2.0"),
        (lambda: losses.categorical_crossentropy(HOT, OTHER, axis=1.5), "axis is an integer, received 1.5"),
        (lambda: losses.categorical_crossentropy(HOT[:, :1], OTHER[:, :1]), "at least two classes along axis -1"),
        (lambda: losses.ctc(CLASSES, STEPS), r"takes labels \(batch, length\)"),
        (lambda: losses.Loss()(1.0, 2.0), r"Loss doesn't define call\(\)"),
    ],
)
def test_bad_input(make: Any, message: str) -> None:
    with pytest.raises((ValueError, NotImplementedError), match=message):
        make()


def test_masked_values_count_nowhere(backend: Any) -> None:
    prediction = backend.convert_to_tensor(OTHER)
    from triceras.core import masks

    table = masks.mask_table.set({})
    masks.set_mask(prediction, backend.convert_to_tensor(np.array([True, True, False, False])))
    if backend.name == "numpy":
        masks.mask_table.set({id(prediction): (prediction, np.array([True, True, False, False]))})
    result = losses.MeanSquaredError()(REAL, prediction)
    masks.mask_table.reset(table)
    np.testing.assert_allclose(float(result), np.mean((REAL - OTHER)[:2] ** 2), rtol=1e-6)


def test_ignored_class_in_a_compiled_function(backend: Any) -> None:
    loss = losses.SparseCategoricalCrossentropy(ignore_class=1)

    def compute(y_true: Any, y_pred: Any) -> Any:
        return loss(y_true, y_pred)

    eager = compute(*(backend.convert_to_tensor(x) for x in (CLASSES, PREDICTED)))
    compiled = backend.compile(compute)(*(backend.convert_to_tensor(x) for x in (CLASSES, PREDICTED)))
    np.testing.assert_allclose(ops.convert_to_numpy(compiled), ops.convert_to_numpy(eager), rtol=1e-6)


def test_large_class_indices_keep_their_value(backend: Any) -> None:
    """float16 can't hold 2049, which the loss must not round to 2048."""
    logits = np.zeros((1, 2050), "float16")
    logits[0, 2049] = 20
    loss = losses.SparseCategoricalCrossentropy(from_logits=True, dtype="float16")
    assert float(loss(np.array([2049]), backend.convert_to_tensor(logits))) < 0.1

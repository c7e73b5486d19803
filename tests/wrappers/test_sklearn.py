"""Models as estimators of scikit-learn: its own checks, and the tools that people use them with."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import check_estimator

from tests.alone import run_alone
from triceras import Input, Sequential, layers, optimizers, utils, wrappers
from triceras.backends import registry
from triceras.backends.base import Backend
from triceras.wrappers import SKLearnClassifier, SKLearnRegressor, SKLearnTransformer

ALL = [SKLearnClassifier, SKLearnRegressor, SKLearnTransformer]
QUIET = {"verbose": 0}


@pytest.fixture(params=[name for name in registry.available_backends() if name != "numpy"])
def training_backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    with registry.backend_scope(request.param) as current:
        yield current


def linear(X: Any, y: Any, loss: str = "mse", activation: str | None = None, rate: float = 0.1, **options: Any) -> Any:
    """One layer as wide as the targets, from the same weights each time."""
    utils.set_random_seed(0)
    model = Sequential([Input(X.shape[1:]), layers.Dense(y.shape[1], activation=activation)])
    model.compile(optimizers.Adam(rate), loss, **options)
    return model


def softmax(X: Any, y: Any, **kwargs: Any) -> Any:
    return linear(X, y, "categorical_crossentropy", "softmax", **kwargs)


class _Repeatable:
    """The function above sets the seed, so scikit-learn may hold fits against one another, as it does for its own."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.non_deterministic = False
        return tags


class RepeatableClassifier(_Repeatable, SKLearnClassifier): ...


class RepeatableRegressor(_Repeatable, SKLearnRegressor): ...


class RepeatableTransformer(_Repeatable, SKLearnTransformer): ...


@pytest.mark.parametrize("estimator", [RepeatableClassifier, RepeatableRegressor, RepeatableTransformer])
def test_scikit_learns_own_checks(estimator: Any, training_backend: Backend) -> None:
    """All of them, without one expected to fail."""
    function = softmax if issubclass(estimator, SKLearnClassifier) else linear
    # They fit some hundred models, each of which TensorFlow takes half a second to trace.
    eager = training_backend.name == "tensorflow"
    made = estimator(function, model_kwargs={"run_eagerly": eager}, fit_kwargs={"epochs": 5, "verbose": 0})
    results = check_estimator(made, on_fail=None, on_skip=None)
    assert [(x["check_name"], x["exception"]) for x in results if x["status"] not in ("passed", "skipped")] == []
    # It asks for an environment variable, and is about estimators that compute on arrays of other libraries themselves.
    assert {x["check_name"] for x in results if x["status"] == "skipped"} == {"check_array_api_input"}
    assert len(results) > 40


@pytest.mark.parametrize("estimator", ALL)
def test_what_the_tags_say(estimator: Any) -> None:
    tags = get_tags(estimator(linear))
    assert tags.non_deterministic
    assert tags.target_tags.multi_output == (estimator is not SKLearnClassifier)
    assert not tags.input_tags.sparse
    assert issubclass(estimator, BaseEstimator)


def table(rows: int = 48) -> tuple[np.ndarray, np.ndarray]:
    """Three features, and which of them is the largest."""
    X = np.random.default_rng(0).normal(size=(rows, 3))
    return X, np.array(["one", "two", "three"])[X.argmax(1)]


def test_classes_with_names(training_backend: Backend) -> None:
    X, y = table()
    estimator = SKLearnClassifier(softmax, fit_kwargs=QUIET)
    assert estimator.epoch_ == 0
    assert estimator.fit(X, y, epochs=40) is estimator
    assert estimator.classes_.tolist() == ["one", "three", "two"]
    assert estimator.score(X, y) > 0.9
    assert estimator.epoch_ == len(estimator.history_.history["loss"]) == 40
    scores = estimator.decision_function(X)
    assert scores.shape == (48, 3)
    np.testing.assert_array_equal(estimator.classes_[scores.argmax(1)], estimator.predict(X))


def test_two_classes_have_one_score(training_backend: Backend) -> None:
    X, _ = table()
    y = X[:, 0] > 0
    estimator = SKLearnClassifier(softmax, fit_kwargs=QUIET).fit(X, y, epochs=20)
    scores = estimator.decision_function(X)
    assert scores.shape == (48,)
    np.testing.assert_array_equal(scores > 0, estimator.predict(X))
    outputs = estimator.model_.predict(X, verbose=0)
    np.testing.assert_allclose(scores, outputs[:, 1] - outputs[:, 0])


def test_several_targets(training_backend: Backend) -> None:
    X, _ = table()
    weights = np.array([[1.0, 0.0], [0.0, -1.0], [0.5, 0.5]])
    estimator = SKLearnRegressor(linear, fit_kwargs=QUIET).fit(X, X @ weights, epochs=60)
    assert estimator.predict(X).shape == (48, 2)
    assert estimator.score(X, X @ weights) > 0.95
    for y, shape, dtype in ((X[:, 0], (48,), "float64"), (X[:, :1].astype("float32"), (48, 1), "float32")):
        predicted = SKLearnRegressor(linear, fit_kwargs=QUIET).fit(X, y).predict(X)
        assert (predicted.shape, predicted.dtype) == (shape, dtype)
    assert SKLearnRegressor(linear, fit_kwargs=QUIET).fit(X, np.arange(48)).predict(X).dtype == "float64"


def test_a_given_model_is_copied_with_new_weights(training_backend: Backend) -> None:
    X, _ = table()
    model = linear(X, X[:, :1])
    before = model.get_weights()
    estimator = SKLearnRegressor(model, fit_kwargs=QUIET).fit(X, X[:, 0])
    assert estimator.model_ is not model
    assert estimator.model_.backend is training_backend
    assert float(estimator.model_.optimizer.learning_rate) == pytest.approx(0.1)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])
    assert np.abs(estimator.model_.get_weights()[0] - before[0]).max() > 0.3  # two steps of 0.1 wouldn't


def test_a_warm_start_goes_on(training_backend: Backend) -> None:
    X, _ = table()
    model = linear(X, X[:, :1])
    warm = SKLearnRegressor(model, warm_start=True, fit_kwargs=QUIET).fit(X, X[:, 0], epochs=2)
    assert warm.model_ is model
    assert int(model.optimizer.iterations) == 4
    assert int(warm.fit(X, X[:, 0], epochs=2).model_.optimizer.iterations) == 8
    made = SKLearnRegressor(linear, warm_start=True, fit_kwargs=QUIET).fit(X, X[:, 0])
    first = made.model_
    assert made.fit(X, X[:, 0]).model_ is first
    cold = SKLearnRegressor(linear, fit_kwargs=QUIET).fit(X, X[:, 0])
    first = cold.model_
    assert cold.fit(X, X[:, 0]).model_ is not first


def test_a_warm_start_keeps_classes_and_features() -> None:
    X, y = table()
    warm = SKLearnClassifier(softmax, warm_start=True, fit_kwargs=QUIET).fit(X, y)
    with pytest.raises(
        ValueError, match=r"goes on with a model of the classes \['one' 'three' 'two'\], received y\s+with"
    ):
        warm.fit(X, np.where(y == "one", "four", y))
    with pytest.raises(ValueError, match="X has 2 features, but SKLearnClassifier is expecting 3 features"):
        warm.fit(X[:, :2], y)


def test_arguments_of_fit_win_over_those_given_before() -> None:
    X, _ = table()
    given = {"epochs": 3, "verbose": 0, "validation_split": 0.25}
    estimator = SKLearnRegressor(linear, model_kwargs={"rate": 0.5}, fit_kwargs=given).fit(X, X[:, 0], epochs=2)
    assert sorted(estimator.history_.history) == ["loss", "val_loss"]
    assert estimator.epoch_ == 2
    assert given == {"epochs": 3, "verbose": 0, "validation_split": 0.25}
    assert float(estimator.model_.optimizer.learning_rate) == pytest.approx(0.5)


@pytest.mark.parametrize("shown", [True, False])
def test_predictions_show_progress_as_fits_do(shown: bool, capsys: pytest.CaptureFixture[str]) -> None:
    X, _ = table()
    estimator = SKLearnRegressor(linear, fit_kwargs={"verbose": 2 if shown else 0}).fit(X, X[:, 0])
    capsys.readouterr()
    estimator.predict(X)
    assert bool(capsys.readouterr().out) == shown


def test_sample_weights(training_backend: Backend) -> None:
    """Rows of no weight don't count, whether the weights come alone or by scikit-learn's routing."""
    X, _ = table()
    y, weight = X[:, 0].copy(), np.ones(48)
    y[::2], weight[::2] = 100.0, 0.0
    plain = SKLearnRegressor(linear, fit_kwargs={"epochs": 60, "verbose": 0})
    assert plain.fit(X, y, sample_weight=weight).score(X[1::2], y[1::2]) > 0.9
    assert plain.fit(X, y).score(X[1::2], y[1::2]) < 0
    with sklearn.config_context(enable_metadata_routing=True):
        scaled = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), plain)
        plain.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        result = cross_validate(scaled, X, y, cv=2, params={"sample_weight": weight})
        assert result["test_score"].min() > 0.8
        with pytest.raises(sklearn.exceptions.UnsetMetadataPassedError, match="sample_weight"):
            cross_validate(SKLearnRegressor(linear), X, y, params={"sample_weight": weight}, error_score="raise")


def test_searches_and_pipelines(training_backend: Backend) -> None:
    X, y = table()
    estimator = SKLearnClassifier(softmax, fit_kwargs={"epochs": 20, "verbose": 0})
    search = GridSearchCV(estimator, {"model_kwargs": [{"rate": 0.2}, {"rate": 1e-6}]}, cv=2, scoring="accuracy")
    search.fit(1000 * X + 5000, y)
    assert search.best_params_ is not None
    pipeline = make_pipeline(StandardScaler(), estimator)
    assert cross_val_score(pipeline, 1000 * X + 5000, y, cv=2).min() > 0.6
    search = GridSearchCV(pipeline, {"sklearnclassifier__model_kwargs": [{"rate": 1e-6}, {"rate": 0.2}]}, cv=2).fit(
        X, y
    )
    assert search.best_params_ == {"sklearnclassifier__model_kwargs": {"rate": 0.2}}
    assert cross_val_score(pipeline, X, y == "one", cv=2, scoring="roc_auc").min() > 0.8


def test_a_transformer_in_a_pipeline(training_backend: Backend) -> None:
    X, _ = table()
    transformer = SKLearnTransformer(linear, fit_kwargs=QUIET)
    pipeline = make_pipeline(transformer, SKLearnRegressor(linear, fit_kwargs=QUIET)).fit(X, X[:, 0])
    features = transformer.fit_transform(X, X[:, 0])
    assert features.shape == (48, 1)
    np.testing.assert_allclose(features, transformer.model_.predict(X, verbose=0))
    np.testing.assert_allclose(transformer.predict(X), features[:, 0])
    assert pipeline.predict(X).shape == (48,)


def test_tables_with_names() -> None:
    X, y = table()
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    estimator = SKLearnClassifier(softmax, fit_kwargs=QUIET).fit(
        frame, pd.Series(y), sample_weight=pd.Series(np.ones(48))
    )
    assert estimator.feature_names_in_.tolist() == ["a", "b", "c"]
    np.testing.assert_array_equal(
        estimator.predict(frame), [estimator.classes_[row.argmax()] for row in estimator.model_.predict(X, verbose=0)]
    )


def test_copies_and_pickles(training_backend: Backend) -> None:
    X, _ = table()
    estimator = SKLearnRegressor(linear(X, X[:, :1]), fit_kwargs=QUIET).fit(X, X[:, 0])
    read = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_allclose(read.predict(X), estimator.predict(X), rtol=1e-6)
    assert read.history_.history == estimator.history_.history
    copy = clone(estimator)
    assert not hasattr(copy, "model_")
    assert copy.fit(X, X[:, 0]).predict(X).shape == (48,)


@pytest.mark.parametrize(
    "model, error, message",
    [
        (5, TypeError, "SKLearnRegressor trains a compiled model or what a function returns, received model=5. Give"),
        (lambda X, y: None, TypeError, "received model=<function .*>, which returned None. Give a model"),
        (
            Sequential([layers.Dense(1)], name="raw"),
            RuntimeError,
            r"received 'raw', which has no loss or optimizer. Call its compile",
        ),
        (lambda X, y: Sequential([layers.Dense(1)]), RuntimeError, "trains a compiled model"),
    ],
)
def test_what_is_no_compiled_model(model: Any, error: type[Exception], message: str) -> None:
    X, _ = table()
    with pytest.raises(error, match=message):
        SKLearnRegressor(model).fit(X, X[:, 0])


def test_data_that_does_not_fit() -> None:
    X, y = table()
    classifier = SKLearnClassifier(softmax, fit_kwargs=QUIET)
    with pytest.raises(ValueError, match=r"two or more classes apart, received y with one class: \[1\]"):
        classifier.fit(X, np.ones(48, int))
    with pytest.raises(ValueError, match="Unknown label type"):
        classifier.fit(X, X[:, 0])
    with pytest.raises(ValueError, match="Input X contains NaN"):
        classifier.fit(X * np.nan, y)
    with pytest.raises(NotFittedError, match="not fitted yet"):
        classifier.decision_function(X)
    with pytest.raises(ValueError, match="X has 2 features, but SKLearnClassifier is expecting 3"):
        classifier.fit(X, y).predict(X[:, :2])


def test_scikit_learn_is_loaded_late() -> None:
    assert run_alone("-c", "import sys, triceras.wrappers; print('sklearn' in sys.modules)") == "False\n"
    assert dir(wrappers) == ["SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"]
    with pytest.raises(AttributeError, match=r"'triceras.wrappers' has no attribute 'SKLearnCluster'. It has"):
        wrappers.SKLearnCluster  # type: ignore[attr-defined]


def test_scikit_learn_is_missing() -> None:
    program = """
import sys
sys.modules["sklearn"] = None
try:
    from triceras.wrappers import SKLearnClassifier
except ImportError as error:
    print(error)
"""
    assert run_alone("-c", program).startswith("SKLearnClassifier needs the package 'scikit-learn' from version 1.6 on")

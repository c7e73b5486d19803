"""The estimators. Importing this module imports scikit-learn, whose classes they extend: ``triceras.wrappers`` does so late."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from triceras.callbacks.history import History
from triceras.models.cloning import clone_model
from triceras.models.model import Model


class _Estimator(BaseEstimator):
    """What the estimators share; parameters and attributes are described at ``SKLearnClassifier``."""

    # `fit` hands whatever it is given on to the model; this part of it takes part in scikit-learn's metadata routing.
    __metadata_request__fit = {"sample_weight": None}

    #: What is asked of the data, as arguments of scikit-learn's ``validate_data``.
    _checks: dict[str, bool] = {"multi_output": True, "y_numeric": True}

    model_: Model
    history_: History

    def __init__(
        self,
        model: Model | Callable[..., Model],
        warm_start: bool = False,
        model_kwargs: dict[str, Any] | None = None,
        fit_kwargs: dict[str, Any] | None = None,
    ) -> None:
        self.model = model
        self.warm_start = warm_start
        self.model_kwargs = model_kwargs
        self.fit_kwargs = fit_kwargs

    @property
    def epoch_(self) -> int:
        """How many epochs the last fit took, 0 before the first."""
        return len(self.history_.epoch) if hasattr(self, "history_") else 0

    def fit(self, X: Any, y: Any, **kwargs: Any) -> Any:  # noqa: N803
        """Make the model and train it.

        Args:
            X: a table of numbers, (samples, features).
            y: what to predict, (samples,), or of a regressor and a transformer (samples, targets).
            **kwargs: arguments of ``Model.fit``, ``sample_weight`` say; they win over ``fit_kwargs``.

        Returns:
            The estimator itself.

        Raises:
            ValueError: the data isn't a finite table of numbers with as many targets.
            TypeError: what should be a model isn't.
            RuntimeError: the model isn't compiled.
        """
        X, y = validate_data(self, X, y, reset=not self._continues(), **self._checks)  # noqa: N806
        targets = self._encode(y)
        model = self._make_model(X, targets)
        self.history_ = model.fit(X, targets, **{**(self.fit_kwargs or {}), **kwargs})
        self.model_ = model
        return self

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """What the fitted model says of each row of a table, in the form of the ``y`` it was fitted to.

        Raises:
            sklearn.exceptions.NotFittedError: it wasn't fitted.
            ValueError: the table has other features than the one it was fitted to.
        """
        return self._decode(self._outputs(X))

    def _continues(self) -> bool:
        return self.warm_start and hasattr(self, "model_")

    def _make_model(self, X: np.ndarray, targets: np.ndarray) -> Model:  # noqa: N803
        """The model to train: the fitted one to go on with, the given one or its copy, or a new one."""
        if self._continues():
            return self.model_
        given = self.model
        makes = callable(given) and not isinstance(given, Model)
        model: Any = given(X=X, y=targets, **(self.model_kwargs or {})) if makes else given
        name = type(self).__name__
        if not isinstance(model, Model):
            raise TypeError(
                f"{name} trains a compiled model or what a function returns, received model={given!r}"
                f"{f', which returned {model!r}' if makes else ''}. Give a model, or a function that returns one."
            )
        if not model.compiled or model.loss is None or model.optimizer is None:
            raise RuntimeError(
                f"{name} trains a compiled model, received {model.name!r}, which has no loss or optimizer. Call its "
                "compile(optimizer, loss) first."
            )
        if model is given and not self.warm_start:
            model = clone_model(given)
            model.compile_from_config(given.get_compile_config())
        return model

    def _outputs(self, X: Any) -> np.ndarray:  # noqa: N803
        check_is_fitted(self, "model_")
        X = validate_data(self, X, reset=False)  # noqa: N806
        return self.model_.predict(X, verbose=(self.fit_kwargs or {}).get("verbose", "auto"))

    def _encode(self, y: np.ndarray) -> np.ndarray:
        """The targets that the model is trained on, (samples, outputs)."""
        self._target_shape, self._target_dtype = y.shape[1:], np.result_type(y.dtype, np.float32)
        return y.reshape(len(y), -1)

    def _decode(self, outputs: np.ndarray) -> np.ndarray:
        """The model's outputs in the form of the targets given."""
        return outputs.reshape(len(outputs), *self._target_shape).astype(self._target_dtype)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = True  # unless the model's function sets the seed
        tags.target_tags.multi_output = self._checks.get("multi_output", False)
        return tags


class SKLearnClassifier(ClassifierMixin, _Estimator):
    """A model as a classifier of scikit-learn: in pipelines, searches over parameters, cross-validation.

    The model has an output for each class, best a softmax, and is trained on one-hot rows, so its loss is a categorical one.
    Where its function draws weights, ``utils.set_random_seed`` in that function makes fits repeatable.

    Args:
        model: a compiled model, of which each fit trains a copy with new weights; or a function
            ``(X, y, **model_kwargs) -> compiled model`` of the data, a table and the one-hot rows.
        warm_start: whether a fit goes on with the model of the one before. A model given is trained itself then.
        model_kwargs: further arguments for the function.
        fit_kwargs: arguments for ``Model.fit``. Its ``verbose`` is that of predictions too.

    Attributes:
        model_: the fitted model.
        history_: the ``History`` of the fit.
        classes_: the class labels in order, (classes,).

    Example:
        >>> def perceptron(X, y, width):
        ...     model = Sequential([Input(X.shape[1:]), Dense(width, "relu"), Dense(y.shape[1], "softmax")])
        ...     model.compile(optimizers.Adam(0.1), "categorical_crossentropy")
        ...     return model
        >>> X, y = np.linspace(-1, 1, 32)[:, None], np.repeat(["below", "above"], 16)
        >>> estimator = SKLearnClassifier(perceptron, model_kwargs={"width": 8}, fit_kwargs={"verbose": 0})
        >>> estimator.fit(X, y, epochs=20).predict([[-0.9], [0.9]]).tolist()
        ['below', 'above']
    """

    _checks = {}

    classes_: np.ndarray

    def decision_function(self, X: Any) -> np.ndarray:  # noqa: N803
        """How much speaks for each class.

        Returns:
            The model's outputs, (samples, classes); for two classes the second's less the first's, (samples,), so that
            positive is the second, as in all of scikit-learn.
        """
        outputs = self._outputs(X)
        return outputs[:, 1] - outputs[:, 0] if len(self.classes_) == 2 else outputs

    def _encode(self, y: np.ndarray) -> np.ndarray:
        check_classification_targets(y)
        classes, indices = np.unique(y, return_inverse=True)
        if len(classes) < 2:
            raise ValueError(
                f"SKLearnClassifier tells two or more classes apart, received y with one class: {classes}."
            )
        if self._continues() and not np.array_equal(classes, self.classes_):
            raise ValueError(
                f"With warm_start=True SKLearnClassifier goes on with a model of the classes {self.classes_}, received y "
                f"with the classes {classes}. Give rows of each, or fit a new estimator."
            )
        self.classes_ = classes
        return np.eye(len(classes))[indices]

    def _decode(self, outputs: np.ndarray) -> np.ndarray:
        return self.classes_[outputs.argmax(-1)]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = True
        return tags


class SKLearnRegressor(RegressorMixin, _Estimator):
    """A model as a regressor of scikit-learn, of one target or several.

    Args and attributes as of ``SKLearnClassifier``. The model is trained on targets of shape (samples, targets); predictions
    have the shape of the ``y`` that it was fitted to and its dtype.

    Example:
        >>> model = Sequential([Input((1,)), Dense(1)])
        >>> model.compile(optimizers.SGD(0.5), "mse")
        >>> X = np.linspace(-1, 1, 32)[:, None]
        >>> estimator = SKLearnRegressor(model, fit_kwargs={"epochs": 50, "verbose": 0}).fit(X, 3 * X[:, 0])
        >>> estimator.predict([[0.5]]).round(2).tolist()
        [1.5]
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        return tags


class SKLearnTransformer(TransformerMixin, _Estimator):
    """A model as a transformer of scikit-learn (not one of attention): its outputs are features for the next step.

    Args and attributes as of ``SKLearnClassifier``; the model is trained on ``y`` as it is, of shape (samples, targets).

    Example:
        >>> model = Sequential([Input((2,)), Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> X = np.ones((8, 2))
        >>> SKLearnTransformer(model, fit_kwargs={"verbose": 0}).fit(X, X[:, 0]).transform(X).shape
        (8, 1)
    """

    def transform(self, X: Any) -> np.ndarray:  # noqa: N803
        """The fitted model's outputs for each row of a table."""
        return self._outputs(X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags

"""Models as estimators of scikit-learn, which is loaded when one of them is first asked for.

Example:
    >>> from triceras.wrappers import SKLearnRegressor
    >>> SKLearnRegressor(Sequential([Input((3,)), Dense(1)])).warm_start
    False
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from triceras.wrappers.estimators import SKLearnClassifier, SKLearnRegressor, SKLearnTransformer

__all__ = ["SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"]


def __getattr__(name: str) -> Any:
    """An estimator class.

    Raises:
        ImportError: scikit-learn isn't installed or is too old.
    """
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}. It has {', '.join(__all__)}.")
    try:
        from triceras.wrappers import estimators
    except ImportError as error:
        raise ImportError(
            f"{name} needs the package 'scikit-learn' from version 1.6 on, which isn't installed. Install it with "
            "`pip install triceras[sklearn]`."
        ) from error
    return getattr(estimators, name)


def __dir__() -> list[str]:
    return __all__

"""triceras: one model definition on JAX, PyTorch and TensorFlow, in one process, with the same numbers from the same seed.

The public interface is that of Keras 3. Importing it loads no framework; the first thing made on a backend does.
"""

from triceras import (
    activations,
    callbacks,
    config,
    constraints,
    dtype_policies,
    export,
    initializers,
    interop,
    layers,
    legacy,
    losses,
    metrics,
    models,
    ops,
    optimizers,
    random,
    regularizers,
    saving,
    tree,
    utils,
    wrappers,
)
from triceras.backends.device import device
from triceras.backends.registry import available_backends, backend_scope
from triceras.core.naming import name_scope
from triceras.core.scopes import SymbolicScope
from triceras.dtype_policies.policy import DTypePolicy
from triceras.graph import Function, KerasTensor, Operation
from triceras.initializers import Initializer
from triceras.layers import Input, InputSpec, Layer
from triceras.layers.remat import RematScope, remat
from triceras.losses import Loss
from triceras.metrics import Metric
from triceras.models import Model, Sequential
from triceras.optimizers import Optimizer
from triceras.regularizers import Regularizer
from triceras.state import StatelessScope, Variable

__version__ = "0.1.0"

FloatDTypePolicy = DTypePolicy


def version() -> str:
    """The version of this package.

    Example:
        >>> version() == __version__
        True
    """
    return __version__


__all__ = [
    "DTypePolicy",
    "FloatDTypePolicy",
    "Function",
    "Initializer",
    "Input",
    "InputSpec",
    "KerasTensor",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Operation",
    "Optimizer",
    "Regularizer",
    "RematScope",
    "Sequential",
    "StatelessScope",
    "SymbolicScope",
    "Variable",
    "__version__",
    "activations",
    "available_backends",
    "backend_scope",
    "callbacks",
    "config",
    "constraints",
    "device",
    "dtype_policies",
    "export",
    "initializers",
    "interop",
    "layers",
    "legacy",
    "losses",
    "metrics",
    "models",
    "name_scope",
    "ops",
    "optimizers",
    "random",
    "regularizers",
    "remat",
    "saving",
    "tree",
    "utils",
    "version",
    "wrappers",
]

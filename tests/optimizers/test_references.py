"""Trajectories of the usual optimizers against their formulas in NumPy, and those against ``torch.optim``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from triceras import ops, optimizers
from triceras.backends.registry import Backend
from triceras.state.variable import Variable

RATE = 0.05
STEPS = 20
#: So small that it doesn't matter where a rule puts it.
EPSILON = 1e-12
_draw = np.random.default_rng(7)
SHAPES = [(3, 4), (5,), ()]
WEIGHTS = [_draw.normal(size=shape) for shape in SHAPES]
GRADIENTS = [[_draw.normal(size=shape) for shape in SHAPES] for _ in range(STEPS)]


def sgd(w: Any, gradients: list[Any], momentum: float = 0.0, nesterov: bool = False) -> Any:
    """Polyak (1964); Nesterov's form as Sutskever et al. (2013) write it."""
    velocity = 0.0
    for g in gradients:
        velocity = momentum * velocity - RATE * g
        w = w + (momentum * velocity - RATE * g if nesterov else velocity)
    return w


def adam(w: Any, gradients: list[Any], amsgrad: bool = False, weight_decay: float = 0.0) -> Any:
    """Kingma & Ba (2015); Reddi et al. (2018) for AMSGrad, Loshchilov & Hutter (2019) for the decay."""
    m = v = greatest = 0.0
    for t, g in enumerate(gradients, 1):
        w = w * (1 - RATE * weight_decay)
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g**2
        greatest = np.maximum(greatest, v) if amsgrad else v
        w = w - RATE * (m / (1 - 0.9**t)) / np.sqrt(greatest / (1 - 0.999**t))
    return w


def rmsprop(w: Any, gradients: list[Any], momentum: float = 0.0, centered: bool = False) -> Any:
    """Hinton's lecture (2012); Graves (2013) for the centered form and the momentum."""
    square = mean = step = 0.0
    for g in gradients:
        square = 0.9 * square + 0.1 * g**2
        mean = 0.9 * mean + 0.1 * g if centered else 0.0
        step = momentum * step + RATE * g / np.sqrt(square - mean**2)
        w = w - step
    return w


ADAM = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": EPSILON}
OF_TORCH = {"lr": RATE, "eps": EPSILON}
#: (optimizer, its arguments, the formula, its arguments, torch's class, its arguments)
ROWS: list[tuple[str, dict[str, Any], Callable[..., Any], dict[str, Any], str, dict[str, Any]]] = [
    ("SGD", {}, sgd, {}, "SGD", {"lr": RATE}),
    ("SGD", {"momentum": 0.9}, sgd, {"momentum": 0.9}, "SGD", {"lr": RATE, "momentum": 0.9}),
    (
        "SGD",
        {"momentum": 0.9, "nesterov": True},
        sgd,
        {"momentum": 0.9, "nesterov": True},
        "SGD",
        {"lr": RATE, "momentum": 0.9, "nesterov": True},
    ),
    ("Adam", ADAM, adam, {}, "Adam", OF_TORCH),
    ("Adam", ADAM | {"amsgrad": True}, adam, {"amsgrad": True}, "Adam", OF_TORCH | {"amsgrad": True}),
    ("AdamW", ADAM | {"weight_decay": 0.1}, adam, {"weight_decay": 0.1}, "AdamW", OF_TORCH | {"weight_decay": 0.1}),
    (
        "AdamW",
        ADAM | {"weight_decay": 0.1, "amsgrad": True},
        adam,
        {"weight_decay": 0.1, "amsgrad": True},
        "AdamW",
        OF_TORCH | {"weight_decay": 0.1, "amsgrad": True},
    ),
    ("RMSprop", {"rho": 0.9, "epsilon": EPSILON}, rmsprop, {}, "RMSprop", OF_TORCH | {"alpha": 0.9}),
    (
        "RMSprop",
        {"rho": 0.9, "epsilon": EPSILON, "momentum": 0.5},
        rmsprop,
        {"momentum": 0.5},
        "RMSprop",
        OF_TORCH | {"alpha": 0.9, "momentum": 0.5},
    ),
    (
        "RMSprop",
        {"rho": 0.9, "epsilon": EPSILON, "momentum": 0.5, "centered": True},
        rmsprop,
        {"momentum": 0.5, "centered": True},
        "RMSprop",
        OF_TORCH | {"alpha": 0.9, "momentum": 0.5, "centered": True},
    ),
]
IDS = ["-".join([row[0], *row[3]]) for row in ROWS]


def _expected(row: Any) -> list[Any]:
    return [row[2](w, [step[i] for step in GRADIENTS], **row[3]) for i, w in enumerate(WEIGHTS)]


def _variables() -> list[Variable]:
    return [Variable(w.astype("float32"), name=f"w{i}") for i, w in enumerate(WEIGHTS)]


def _steps() -> Iterator[list[Any]]:
    for step in GRADIENTS:
        yield [ops.convert_to_tensor(np.asarray(g, "float32")) for g in step]


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_the_formula(backend: Backend, row: Any) -> None:
    optimizer, variables = getattr(optimizers, row[0])(RATE, **row[1]), _variables()
    optimizer.build(variables)
    for gradients in _steps():
        optimizer.apply(gradients, variables)
    for variable, wanted in zip(variables, _expected(row), strict=True):
        np.testing.assert_allclose(variable.numpy(), wanted, rtol=2e-5, atol=5e-6)


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_the_pure_form(backend: Backend, row: Any) -> None:
    optimizer = getattr(optimizers, row[0])(RATE, **row[1])
    optimizer.build(_variables())
    weights = [ops.convert_to_tensor(w.astype("float32")) for w in WEIGHTS]
    slots = [v.value for v in optimizer.variables]
    for gradients in _steps():
        weights, slots = optimizer.stateless_apply(slots, gradients, weights)
    for weight, wanted in zip(weights, _expected(row), strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(weight), wanted, rtol=2e-5, atol=5e-6)


@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_the_formula_is_that_of_torch(row: Any) -> None:
    """In float64 they agree to rounding, so the references themselves are right."""
    torch = pytest.importorskip("torch")
    parameters = [torch.nn.Parameter(torch.tensor(w, dtype=torch.float64)) for w in WEIGHTS]
    optimizer = getattr(torch.optim, row[4])(parameters, **row[5])
    for step in GRADIENTS:
        for parameter, g in zip(parameters, step, strict=True):
            parameter.grad = torch.tensor(g, dtype=torch.float64)
        optimizer.step()
    for parameter, wanted in zip(parameters, _expected(row), strict=True):
        np.testing.assert_allclose(parameter.detach().numpy(), wanted, rtol=1e-7, atol=1e-9)

"""Every optimizer's steps against keras on each backend; fused kernels and pure forms against the plain rule."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests import black_box
from triceras import ops, optimizers
from triceras.state.stateless import StatelessScope
from triceras.state.variable import Variable

_draw = np.random.default_rng(0)
SHAPES = [(3, 4), (4,), (5, 2), ()]
STEPS = 20
WEIGHTS = [_draw.normal(size=shape).astype("float32") for shape in SHAPES]
GRADIENTS = [[_draw.normal(size=shape).astype("float32") for shape in SHAPES] for _ in range(STEPS)]
_FTRL = {
    "l1_regularization_strength": 0.01,
    "l2_regularization_strength": 0.1,
    "l2_shrinkage_regularization_strength": 0.05,
    "beta": 0.1,
}
ROWS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("Adam", {}),
    ("Adam", {"amsgrad": True, "clipnorm": 0.5}),
    ("AdamW", {"weight_decay": 0.05}),
    ("RMSprop", {}),
    ("RMSprop", {"momentum": 0.5, "centered": True}),
    ("Adagrad", {"initial_accumulator_value": 0.2}),
    ("Adadelta", {}),
    ("Adamax", {}),
    ("Nadam", {}),
    ("Ftrl", _FTRL),
    ("Lion", {}),
    ("Lamb", {}),
    ("Adafactor", {}),
    ("Adafactor", {"relative_step": False}),
    ("Muon", {}),
    ("Muon", {"nesterov": False, "rms_rate": None, "adam_lr_ratio": 0.5}),
    ("ScheduleFreeAdamW", {}),
    ("ScheduleFreeAdamW", {"warmup_steps": 5, "weight_decay": 0.1}),
    ("Adam", {"use_ema": True, "global_clipnorm": 0.5}),
    ("SGD", {"use_ema": True, "ema_overwrite_frequency": 3, "clipvalue": 0.5}),
    ("SGD", {"gradient_accumulation_steps": 3, "momentum": 0.9}),
    ("Adam", {"gradient_accumulation_steps": 2, "weight_decay": 0.1}),
    ("RMSprop", {"loss_scale_factor": 4.0}),
]
FUSED = [row for row in ROWS if row[0] in ("SGD", "Adam", "AdamW", "RMSprop")]


@pytest.fixture(scope="module")
def expected() -> list[Any]:
    code = """
def answer(row):
    (name, options), weights, gradients = row
    optimizer = getattr(keras.optimizers, name)(learning_rate=0.05, **options)
    variables = [keras.Variable(np.array(w, "float32"), name=f"w{i}") for i, w in enumerate(weights)]
    optimizer.build(variables)
    for step in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(np.array(g, "float32")) for g in step], variables)
    return plain([v.value for v in [*variables, *optimizer.variables]])
"""
    gradients = [[g.tolist() for g in step] for step in GRADIENTS]
    return black_box.run(code, [(row, [w.tolist() for w in WEIGHTS], gradients) for row in ROWS])


def _make(row: Any) -> tuple[Any, list[Variable]]:
    optimizer = getattr(optimizers, row[0])(learning_rate=0.05, **row[1])
    variables = [Variable(w, name=f"w{i}") for i, w in enumerate(WEIGHTS)]
    optimizer.build(variables)
    return optimizer, variables


def _state(optimizer: Any, variables: list[Variable]) -> list[np.ndarray]:
    return [v.numpy() for v in [*variables, *optimizer.variables]]


def _same(results: list[Any], wanted: list[Any], rtol: float, atol: float) -> None:
    assert len(results) == len(wanted)
    for result, value in zip(results, wanted):
        np.testing.assert_allclose(ops.convert_to_numpy(result), value, rtol=rtol, atol=atol)


@pytest.mark.parametrize("case", range(len(ROWS)), ids=lambda i: f"{ROWS[i][0]}-{i}")
def test_steps_are_those_of_keras(backend: Any, expected: list[Any], case: int) -> None:
    """Weights and slots, in the order in which files hold them, after twenty steps."""
    assert not isinstance(expected[case], str), expected[case]
    optimizer, variables = _make(ROWS[case])
    for step in GRADIENTS:
        optimizer.apply(step, variables)
    _same(_state(optimizer, variables), expected[case], rtol=3e-5, atol=5e-6)


@pytest.mark.parametrize("row", FUSED, ids=lambda row: row[0])
def test_fused_kernel_is_the_plain_rule(backend: Any, row: Any) -> None:
    (fused, fused_variables), (plain, plain_variables) = _make(row), _make(row)
    with backend.no_grad():
        for step in GRADIENTS:
            gradients = [backend.convert_to_tensor(g) for g in step]
            fused._apply(gradients, fused_variables, fused=True)
            plain._apply(gradients, plain_variables, fused=False)
    _same(_state(fused, fused_variables), _state(plain, plain_variables), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_compiled_pure_form(backend: Any, row: Any) -> None:
    (eager, eager_variables), (pure, _) = _make(row), _make(row)

    def step(slots: list[Any], gradients: list[Any], weights: list[Any]) -> Any:
        return pure.stateless_apply(slots, gradients, weights)

    compiled = backend.compile(step)
    weights = [backend.convert_to_tensor(w) for w in WEIGHTS]
    slots = [backend.convert_to_tensor(v.numpy()) for v in pure.variables]
    for gradients in GRADIENTS[:5]:
        eager.apply(gradients, eager_variables)
        weights, slots = compiled(slots, [backend.convert_to_tensor(g) for g in gradients], weights)
    _same([*weights, *slots], _state(eager, eager_variables), rtol=1e-5, atol=2e-6)
    assert int(pure.variables[0]) == 0


@pytest.mark.parametrize("row", FUSED, ids=lambda row: row[0])
def test_fused_kernel_in_a_captured_step(row: Any) -> None:
    """Under torch a whole update becomes one flat graph, in which kernels change the values in place."""
    torch = pytest.importorskip("torch")
    from torch.fx.experimental.proxy_tensor import make_fx

    from triceras.backends import registry

    with registry.backend_scope("torch") as backend:
        optimizer, variables = _make(row)
        eager, eager_variables = _make(row)
        everything = [*variables, *optimizer.variables]

        def step(values: list[Any], gradients: list[Any]) -> list[Any]:
            with StatelessScope.over(everything, values) as scope, torch.no_grad():
                optimizer._apply(gradients, variables, fused=True)
            return scope.current(everything)

        values = [v.stored_value.detach().clone() for v in everything]
        first = [backend.convert_to_tensor(g) for g in GRADIENTS[0]]
        captured = make_fx(step)([v.clone() for v in values], first)
        for gradients in GRADIENTS[:5]:
            values = captured(values, [backend.convert_to_tensor(g) for g in gradients])
            eager.apply(gradients, eager_variables)
        _same(values, _state(eager, eager_variables), rtol=1e-6, atol=1e-6)


def test_every_optimizer_has_a_row() -> None:
    tested = {row[0] for row in ROWS} | {"Optimizer", "LossScaleOptimizer", "MultiOptimizer"}
    assert {cls.__name__ for cls in optimizers.CLASSES} == tested


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_config_makes_it_again(row: Any) -> None:
    optimizer = getattr(optimizers, row[0])(learning_rate=0.05, name="mine", **row[1])
    config = optimizers.serialize(optimizer)
    assert config["module"] == "keras.optimizers"
    assert config["config"]["learning_rate"] == float(np.float32(0.05))
    again = optimizers.deserialize(config)
    assert type(again) is type(optimizer)
    assert again.get_config() == optimizer.get_config()

"""Names, schedules, loss scaling, state and bad input."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tests import black_box
from triceras import ops, optimizers
from triceras.backends import registry
from triceras.optimizers import schedules
from triceras.state.variable import Variable

SCHEDULES: list[tuple[str, dict[str, Any]]] = [
    ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 10, "alpha": 0.1}),
    (
        "CosineDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 10, "warmup_target": 0.5, "warmup_steps": 4, "alpha": 0.2},
    ),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 5, "m_mul": 0.8, "alpha": 0.1}),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 5, "t_mul": 1.0}),
    ("ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.5}),
    ("ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.5, "staircase": True}),
    ("InverseTimeDecay", {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.5}),
    ("InverseTimeDecay", {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.5, "staircase": True}),
    ("PiecewiseConstantDecay", {"boundaries": [2, 7], "values": [0.3, 0.2, 0.1]}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 10, "power": 2.0}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 10, "cycle": True}),
]
MOMENTS = [0, 1, 2, 3, 4, 7, 9, 12, 21, 40]


@pytest.fixture(scope="module")
def expected() -> list[Any]:
    code = """
def answer(row):
    (name, options), steps = row
    schedule = getattr(keras.optimizers.schedules, name)(**options)
    return plain([schedule(step) for step in steps])
"""
    return black_box.run(code, [(row, MOMENTS) for row in SCHEDULES])


@pytest.mark.parametrize("case", range(len(SCHEDULES)), ids=lambda i: f"{SCHEDULES[i][0]}-{i}")
def test_schedule_is_that_of_keras(backend: Any, expected: list[Any], case: int) -> None:
    name, options = SCHEDULES[case]
    schedule = getattr(schedules, name)(**options)
    rates = [float(schedule(step)) for step in MOMENTS]
    np.testing.assert_allclose(rates, expected[case], rtol=1e-5, atol=1e-7)
    again = schedules.deserialize(schedules.serialize(schedule))
    assert type(again) is type(schedule)
    assert again.get_config() == schedule.get_config()


def test_optimizer_follows_a_schedule(backend: Any) -> None:
    optimizer = optimizers.SGD(schedules.PiecewiseConstantDecay([0], [0.5, 0.25]))
    variable = Variable([1.0])
    for _ in range(2):
        optimizer.apply([np.ones(1, "float32")], [variable])
    assert variable.numpy().tolist() == [0.25]
    assert [v.name for v in optimizer.variables] == ["iteration"]
    again = optimizers.deserialize(optimizers.serialize(optimizer))
    assert again.get_config()["learning_rate"]["class_name"] == "PiecewiseConstantDecay"


@pytest.mark.parametrize(
    ("name", "cls"),
    [
        ("sgd", "SGD"),
        ("Adam", "Adam"),
        ("adamw", "AdamW"),
        ("rmsprop", "RMSprop"),
        ("nadam", "Nadam"),
        ("muon", "Muon"),
    ],
)
def test_names(name: str, cls: str) -> None:
    assert type(optimizers.get(name)).__name__ == cls


def test_get() -> None:
    assert optimizers.get(None) is None
    optimizer = optimizers.SGD()
    assert optimizers.get(optimizer) is optimizer
    assert optimizers.get({"class_name": "SGD", "config": {"momentum": 0.5}}).momentum == 0.5
    with pytest.raises(
        ValueError, match=r"Unknown optimizer: 'sdg'. Expected an instance, a callable or one of: .*sgd"
    ):
        optimizers.get("sdg")


def test_loss_scaling(backend: Any) -> None:
    """The scale doubles after two good steps, halves after a bad one, and a bad step changes nothing else."""
    optimizer = optimizers.LossScaleOptimizer(
        optimizers.SGD(0.5, momentum=0.5), initial_scale=8.0, dynamic_growth_steps=2
    )
    variable = Variable([4.0])
    optimizer.build([variable])
    assert [v.name for v in optimizer.variables[:4]] == ["iteration", "learning_rate", "step_counter", "dynamic_scale"]
    history = []
    for gradient in (8.0, 8.0, math.inf, 8.0, math.nan):
        assert float(optimizer.scale_loss(backend.convert_to_tensor(1.0))) == float(optimizer.dynamic_scale)
        optimizer.apply([np.array([gradient], "float32")], [variable])
        history.append((float(variable.numpy()[0]), float(optimizer.dynamic_scale), int(optimizer.step_counter)))
    assert history == [(3.5, 8.0, 1), (2.75, 16.0, 0), (2.75, 8.0, 0), (1.875, 8.0, 1), (1.875, 4.0, 0)]
    assert int(optimizer.iterations) == 3
    again = optimizers.deserialize(optimizers.serialize(optimizer))
    assert again.get_config() == optimizer.get_config()


def test_with_loss_scaling_wraps_once() -> None:
    wrapped = optimizers.with_loss_scaling(optimizers.SGD())
    assert optimizers.with_loss_scaling(wrapped) is wrapped


def test_state_to_and_from_a_mapping(backend: Any) -> None:
    store: dict[str, np.ndarray] = {}
    one, other = (optimizers.Adam(0.1, name="adam") for _ in range(2))
    variable = Variable([1.0, 2.0])
    one.apply([np.ones(2, "float32")], [variable])
    one.save_own_variables(store)
    other.build([variable])
    other.load_own_variables(store)
    assert [v.numpy().tolist() for v in other.variables] == [v.numpy().tolist() for v in one.variables]
    del store["0"]
    with pytest.raises(ValueError, match="The optimizer 'adam' has 4 variables, the file has 3 for it"):
        other.load_own_variables(store)


def test_averages_take_the_place_of_weights_at_the_end(backend: Any) -> None:
    optimizer = optimizers.SGD(1.0, use_ema=True, ema_momentum=0.5)
    variable = Variable([0.0])
    for _ in range(2):
        optimizer.apply([-np.ones(1, "float32")], [variable])
    optimizer.finalize_variable_values([variable])
    assert variable.numpy().tolist() == [1.5]


def test_decay_leaves_out(backend: Any) -> None:
    bias, kernel, gamma = (Variable([1.0], name=name) for name in ("bias", "kernel", "gamma"))
    optimizer = optimizers.AdamW(0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay([gamma], ["bias"])
    optimizer.apply([np.zeros(1, "float32")] * 3, [bias, kernel, gamma])
    assert [round(float(v.numpy()[0]), 4) for v in (bias, kernel, gamma)] == [1.0, 0.95, 1.0]


def test_constraint_holds_after_each_step(backend: Any) -> None:
    variable = Variable([1.0])
    variable.constraint = lambda w: ops.maximum(w, 0.0)
    optimizers.SGD(1.0).apply([np.array([5.0], "float32")], [variable])
    assert variable.numpy().tolist() == [0.0]


def test_variables_without_gradient_stay(backend: Any) -> None:
    one, other = Variable([1.0]), Variable([1.0])
    optimizers.SGD(1.0).apply([None, np.array([1.0], "float32")], [one, other])
    assert (float(one.numpy()[0]), float(other.numpy()[0])) == (1.0, 0.0)


def test_mixed_dtypes_use_the_plain_rule(backend: Any) -> None:
    variables = [Variable(np.ones(2), dtype=dtype) for dtype in ("float32", "float16")]
    optimizers.SGD(0.5).apply([np.ones(2, "float32"), np.ones(2, "float16")], variables)
    assert [v.numpy().tolist() for v in variables] == [[0.5, 0.5], [0.5, 0.5]]
    assert [v.dtype for v in variables] == ["float32", "float16"]


class Plain(optimizers.Optimizer):
    """A rule that a user might write."""

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        self.assign_sub(variable, gradient * learning_rate)


def test_own_rule(backend: Any) -> None:
    variable = Variable([1.0])
    optimizer = Plain(learning_rate=0.5)
    optimizer.apply_gradients([(np.ones(1, "float32"), variable)])
    optimizer.learning_rate = 0.25
    optimizer.apply_gradients([(np.ones(1, "float32"), variable)])
    assert variable.numpy().tolist() == [0.25]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optimizers.SGD(clipnorm=1.0, clipvalue=1.0), "Only one of clipnorm, clipvalue and global_clipnorm"),
        (lambda: optimizers.SGD(lr=1.0), "SGD received arguments it doesn't know: lr"),
        (lambda: optimizers.SGD("fast"), "learning_rate is a number, a LearningRateSchedule or a function"),
        (lambda: optimizers.SGD(momentum=2.0), "momentum lies between 0 and 1, received 2.0"),
        (lambda: optimizers.SGD(use_ema=True, ema_momentum=2.0), "ema_momentum lies between 0 and 1, received 2.0"),
        (lambda: optimizers.SGD(gradient_accumulation_steps=1), "is an integer of at least 2 or None, received 1"),
        (lambda: optimizers.AdamW(weight_decay=None), "AdamW needs a weight_decay"),
        (lambda: optimizers.Lion(beta_1=0.0), "beta_1 lies above 0"),
        (lambda: optimizers.Ftrl(beta=0.0, l1_regularization_strength=-1.0), "is at least 0, received -1.0"),
        (lambda: optimizers.LossScaleOptimizer("sgd"), "wraps an Optimizer, received 'sgd'"),
        (lambda: optimizers.SGD().apply([1.0]), "isn't built: pass trainable_variables"),
        (lambda: optimizers.SGD().apply([None], [Variable([1.0])]), "was given no gradient: all of them are None"),
        (lambda: optimizers.SGD().apply([], [Variable([1.0])]), "received 0 gradients for 1 variables"),
        (lambda: optimizers.SGD().stateless_apply([], [], []), "isn't built. Call build"),
        (lambda: schedules.ExponentialDecay(0.1, 0, 0.5), "decay_steps is a positive number of steps, received 0"),
        (lambda: schedules.PiecewiseConstantDecay([1], [0.1]), "received 1 boundaries and 1 values"),
    ],
)
def test_bad_input(make: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        make()


def test_optimizer_moves_to_the_backend_of_its_variables(backend: Any) -> None:
    with registry.backend_scope("numpy"):
        optimizers_made = [optimizers.SGD(0.5), optimizers.LossScaleOptimizer(optimizers.Adam(0.5), initial_scale=1.0)]
    for optimizer in optimizers_made:
        variable = Variable([1.0])
        optimizer.apply([np.ones(1, "float32")], [variable])
        assert {v.backend for v in optimizer.variables} == {backend}
        np.testing.assert_allclose(variable.numpy(), [0.5], rtol=2e-5)


def test_built_for_other_variables(backend: Any) -> None:
    optimizer = optimizers.SGD(name="sgd")
    optimizer.build([Variable([1.0])])
    with pytest.raises(ValueError, match="'sgd' was built for other variables and doesn't know 'stranger'"):
        optimizer.apply([np.ones(1, "float32")], [Variable([1.0], name="stranger")])

"""Several optimizers for one model: who gets which variable, the same steps as Keras's, files both ways, bad input."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest

import triceras
from tests import black_box
from triceras import layers, optimizers
from triceras.backends import registry
from triceras.state.variable import Variable

TRAINING = [name for name in registry.available_backends() if name != "numpy"]
RNG = np.random.default_rng(0)
WEIGHTS = [RNG.normal(size=shape).astype("float32") for shape in ((3, 2), (2,), (2, 1))]
NAMES = ["head_kernel", "bias", "tail_kernel"]
STEPS = [[RNG.normal(size=w.shape).astype("float32") for w in WEIGHTS] for _ in range(20)]
X = RNG.normal(size=(32, 3)).astype("float32")
Y = X[:, :1] - X[:, 1:2]

PROGRAM = """
def made(package):
    o = package.optimizers
    return o.MultiOptimizer(
        o.OptimizerMap(o.SGD(0.1), {".*kernel": o.Adam(0.05, clipnorm=0.5), ".*head.bias": o.RMSprop(0.2)}),
        loss_scale_factor=4.0,
    )
"""
exec(PROGRAM)


def test_steps_are_those_of_keras(backend: Any) -> None:
    """Weights and all state, in the order of files, after twenty steps."""
    code = (
        PROGRAM
        + """
def answer(row):
    names, weights, gradients = row
    optimizer = made(keras)
    variables = [keras.Variable(np.array(w, "float32"), name=n) for n, w in zip(names, weights)]
    optimizer.build(variables)
    for step in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(np.array(g, "float32")) for g in step], variables)
    return [plain([v.value for v in [*variables, *optimizer.variables]]), [v.name for v in optimizer.variables]]
"""
    )
    rows = [(NAMES, [w.tolist() for w in WEIGHTS], [[g.tolist() for g in step] for step in STEPS])]
    (expected, names) = black_box.run(code, rows)[0]
    optimizer = made(triceras)  # noqa: F821
    variables = [Variable(w, name=name) for name, w in zip(NAMES, WEIGHTS, strict=True)]
    optimizer.build(variables)
    for step in STEPS:
        optimizer.apply(step, variables)
    assert [type(o).__name__ for o in optimizer.optimizers] == ["Adam", "RMSprop", "SGD"]
    assert [v.name for v in optimizer.variables] == names
    for variable, value in zip([*variables, *optimizer.variables], expected, strict=True):
        np.testing.assert_allclose(variable.numpy(), value, rtol=3e-5, atol=5e-6, err_msg=variable.path)


def _model() -> triceras.Model:
    triceras.utils.clear_session()
    triceras.utils.set_random_seed(3)
    model = triceras.Sequential(
        [triceras.Input((3,)), layers.Dense(4, "tanh", name="head"), layers.Dense(1, name="tail")], name="net"
    )
    model.compile(made(triceras), "mse")  # noqa: F821
    return model


@pytest.mark.parametrize("compiled", [True, False])
def test_fit(compiled: bool) -> None:
    """One model trains alike on all backends, compiled and eager."""
    found = []
    for name in TRAINING:
        with registry.backend_scope(name):
            model = _model()
            model.run_eagerly = not compiled
            found.append(model.fit(X, Y, batch_size=8, epochs=3, verbose=0).history["loss"])
            assert [int(o.iterations) for o in model.optimizer.optimizers] == [12, 12, 12]
    assert found[0][-1] < found[0][0]
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], rtol=1e-5)


@pytest.mark.parametrize("name", TRAINING)
def test_files(name: str, tmp_path: pathlib.Path) -> None:
    """Training goes on from a file; Keras opens it with the same state, and so do we what Keras writes."""
    ours, theirs = tmp_path / "ours.keras", tmp_path / "theirs.keras"
    code = """
def answer(row):
    model = keras.models.load_model(row[0])
    model.save(row[1])
    return plain([v.value for v in model.optimizer.variables])
"""
    with registry.backend_scope(name):
        model = _model()
        model.fit(X, Y, batch_size=8, verbose=0, shuffle=False)
        model.save(ours)
        state = [v.numpy() for v in model.optimizer.variables]
        found = black_box.run(code, [[str(ours), str(theirs)]])[0]
        assert not isinstance(found, str), found
        for path in (ours, theirs):
            again = triceras.models.load_model(path)
            found = [found, *([v.numpy() for v in again.optimizer.variables] for _ in (0,))]
            for value, expected in zip(found.pop(), state, strict=True):
                np.testing.assert_array_equal(value, expected)
            found = found[0]
            losses = [m.fit(X, Y, batch_size=8, verbose=0, shuffle=False).history["loss"] for m in (again,)]
            assert losses[0][0] < model.evaluate(X, Y, verbose=0)
        for value, expected in zip(found, state, strict=True):
            np.testing.assert_array_equal(np.asarray(value, expected.dtype), expected)


def test_the_map() -> None:
    """A mapping whose expressions match whole paths."""
    sgd, adam = optimizers.SGD(), optimizers.Adam()
    by_path = optimizers.OptimizerMap(sgd, {"a/.*": adam})
    assert by_path["a/kernel"] is adam
    assert by_path["b/a/kernel"] is sgd
    assert by_path["a"] is sgd
    assert list(by_path) == ["a/.*"]
    assert by_path.default_optimizer is sgd
    again = optimizers.deserialize(optimizers.serialize(optimizers.MultiOptimizer(by_path, 2.0, "both")))
    assert again.get_config() == optimizers.MultiOptimizer(by_path, 2.0, "both").get_config()
    with pytest.raises(ValueError, match=r"has 'a/\.\*' already"):
        by_path["a/.*"] = sgd
    by_path[".*kernel"] = sgd
    with pytest.raises(ValueError, match=r"'a/kernel' is matched by several expressions.*'a/\.\*', '\.\*kernel'"):
        by_path["a/kernel"]
    del by_path[".*kernel"]
    assert len(by_path) == 1


def test_a_function_chooses(backend: Any) -> None:
    made = {"w": optimizers.SGD(0.5, use_ema=True), "v": optimizers.SGD(0.25)}
    optimizer = optimizers.MultiOptimizer(lambda variable: made[variable.name])
    v, w = Variable([1.0], name="v"), Variable([1.0], name="w")
    optimizer.apply([np.ones(1, "float32"), None], [v, w])
    assert (float(v.numpy()[0]), float(w.numpy()[0])) == (0.75, 1.0)
    assert (optimizer.moving_average(v), int(optimizer.iterations)) == (None, 1)
    assert optimizer.moving_average(w) is not None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optimizers.MultiOptimizer(3), "takes an OptimizerMap or a function of a variable, received 3"),
        (lambda: optimizers.OptimizerMap("sgd"), "default_optimizer must be an Optimizer, received 'sgd'"),
        (lambda: optimizers.OptimizerMap(optimizers.SGD(), {"a": 1}), "the optimizer of 'a' must be an Optimizer"),
        (
            lambda: optimizers.MultiOptimizer(lambda v: v.name).build([Variable([1.0], name="w")]),
            "must return an Optimizer, received 'w' for the variable 'w'",
        ),
        (lambda: made(triceras).learning_rate, "no learning rate of its own"),  # noqa: F821
        (lambda: setattr(made(triceras), "learning_rate", 1.0), "no learning rate of its own"),  # noqa: F821
    ],
)
def test_bad_input(make: Any, message: str) -> None:
    with pytest.raises((ValueError, AttributeError), match=message):
        make()

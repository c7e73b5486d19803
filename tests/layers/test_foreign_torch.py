"""Modules of torch in models of torch: trained as torch itself trains them, captured, saved."""

from __future__ import annotations

import copy
import functools
import pathlib
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import triceras
from triceras import layers, saving
from triceras.backends import registry
from triceras.backends.registry import backend_scope
from triceras.core.errors import FileFormatError
from triceras.state.stateless import StatelessScope

torch = pytest.importorskip("torch")
X = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
Y = X[:, :2] * 2.0


@pytest.fixture(autouse=True)
def _on_torch() -> Iterator[None]:
    with backend_scope("torch"):
        torch.manual_seed(0)
        yield


class Tied(torch.nn.Module):
    """One matrix under two names."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Linear(4, 4)
        self.second = torch.nn.Linear(4, 4)
        self.second.weight = self.first.weight
        self.last = torch.nn.Linear(4, 2)

    def forward(self, x: Any) -> Any:
        return self.last(self.second(torch.tanh(self.first(x))))


class Buffers(torch.nn.Module):
    """A buffer that is replaced, one that is changed in place, and one that files don't hold."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(4, 2)
        self.register_buffer("replaced", torch.zeros(()))
        self.register_buffer("added_to", torch.zeros((), dtype=torch.int64))
        self.register_buffer("passing", torch.ones(()), persistent=False)

    def forward(self, x: Any) -> Any:
        if self.training:
            self.replaced = self.replaced * 0.5 + 1.0
            self.added_to.add_(1)
        return self.linear(x) * self.passing


class Attention(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = torch.nn.MultiheadAttention(4, 2, batch_first=True)
        self.last = torch.nn.Linear(4, 2)

    def forward(self, x: Any) -> Any:
        x = x[:, None]
        return self.last(self.attention(x, x, x, need_weights=False)[0][:, 0])


class Recurrent(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = torch.nn.LSTM(4, 2, batch_first=True)

    def forward(self, x: Any) -> Any:
        return self.lstm(x[:, None])[0][:, 0]


def normalized() -> Any:
    """Two layers with batch normalization between them."""
    return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.ReLU(), torch.nn.Linear(8, 2))


MODULES: dict[str, Callable[[], Any]] = {
    "linear": lambda: torch.nn.Linear(4, 2),
    "normalized": normalized,
    "tied": Tied,
    "buffers": Buffers,
    "attention": Attention,
    "recurrent": Recurrent,
    "parametrized": lambda: torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(4, 2)),
}


def _model(module: Any, **more: Any) -> triceras.Model:
    model = triceras.Sequential([triceras.Input((4,)), layers.TorchModuleWrapper(module, **more)])
    model.compile(triceras.optimizers.SGD(0.05), "mse")
    return model


def _by_hand(module: Any, epochs: int) -> None:
    optimizer = torch.optim.SGD([p for p in module.parameters() if p.requires_grad], 0.05)
    for _ in range(epochs):
        for start in range(0, len(X), 8):
            optimizer.zero_grad()
            x, y = torch.from_numpy(X[start : start + 8]), torch.from_numpy(Y[start : start + 8])
            ((module.train()(x) - y) ** 2).mean().backward()
            optimizer.step()


@pytest.mark.parametrize("kind", MODULES)
def test_it_trains_as_torch_does(kind: str) -> None:
    module = MODULES[kind]()
    reference = copy.deepcopy(module)
    model = _model(module)
    losses = model.fit(X, Y, batch_size=8, epochs=4, shuffle=False, verbose=0).history["loss"]
    _by_hand(reference, epochs=4)
    assert losses[-1] < losses[0]
    assert all(runner.loop.fallback is None and runner.loop._graphs for runner in model._runners.values())
    for (name, ours), theirs in zip(module.state_dict().items(), reference.state_dict().values(), strict=True):
        np.testing.assert_allclose(ours.cpu().numpy(), theirs.numpy(), rtol=1e-5, atol=1e-6, err_msg=name)
    expected = reference.eval()(torch.from_numpy(X)).detach().numpy()
    np.testing.assert_allclose(model.predict(X, verbose=0), expected, rtol=1e-5, atol=1e-6)
    copied = copy.deepcopy(model)
    np.testing.assert_allclose(copied.predict(X, verbose=0), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", MODULES)
def test_a_pure_call_leaves_the_module_alone(kind: str) -> None:
    module = MODULES[kind]()
    layer = layers.TorchModuleWrapper(module)
    before = copy.deepcopy(module.state_dict())
    tensors = {name: id(x) for name, x in [*module.named_parameters(), *module.named_buffers()]}
    trainable, other = (
        [v.value.clone() for v in group] for group in (layer.trainable_variables, layer.non_trainable_variables)
    )
    given = [x.clone() for x in other]
    outputs, after = layer.stateless_call(trainable, other, X, training=True)
    assert outputs.shape == (32, 2)
    assert len(after) == len(other)
    assert all(torch.equal(a, b) for a, b in zip(given, other))
    assert all(torch.equal(a, b) for a, b in zip(before.values(), module.state_dict().values()))
    assert tensors == {name: id(x) for name, x in [*module.named_parameters(), *module.named_buffers()]}


def test_its_variables_are_the_modules() -> None:
    module = normalized()
    module[0].bias.requires_grad = False
    layer = layers.TorchModuleWrapper(module, name="net")
    assert [v.name for v in layer.trainable_weights] == ["0.weight", "1.weight", "1.bias", "3.weight", "3.bias"]
    assert [v.name for v in layer.non_trainable_weights] == [
        "0.bias",
        "1.running_mean",
        "1.running_var",
        "1.num_batches_tracked",
    ]
    assert layer.weights[0].state is module[0].weight
    assert layer.weights[0].path == "net/0.weight"
    layer.weights[0].assign(np.ones((8, 4)))
    assert bool((module[0].weight == 1).all())
    assert sorted(name for name, _ in layer.named_parameters()) == sorted(
        f"module.{name}" for name, _ in module.named_parameters()
    )
    layer.double()
    assert layer.weights[0].dtype == "float64"
    layer.trainable = False
    assert not any(p.requires_grad for p in module.parameters())
    assert len(layers.TorchModuleWrapper(Tied()).weights) == 5


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
def test_the_variables_of_a_copy_are_its_own_modules(duplicate: Any) -> None:
    layer = layers.TorchModuleWrapper(normalized())
    again = duplicate(layer)
    held = dict([*again.module.named_parameters(), *again.module.named_buffers()])
    assert all(v.state is held[v.name] for v in again.weights)
    assert all(a.state is not b.state for a, b in zip(again.weights, layer.weights))
    assert [v.trainable for v in again.weights] == [v.trainable for v in layer.weights]


def test_training_sets_the_mode() -> None:
    layer = layers.TorchModuleWrapper(torch.nn.Dropout(0.5))
    x = np.ones((4, 100), "float32")
    np.testing.assert_array_equal(layer(x), x)
    torch.manual_seed(1)
    first, second = layer(x, training=True), layer(x, training=True)
    torch.manual_seed(1)
    assert torch.equal(layer(x, training=True), first)
    assert not torch.equal(first, second)


def test_a_recorded_dropout_draws_anew() -> None:
    model = _model(torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.Linear(4, 2)))
    model.compile(triceras.optimizers.SGD(0.0), "mse")
    losses = model.fit(X, Y, batch_size=32, epochs=8, verbose=0).history["loss"]
    assert all(runner.loop.fallback is None and runner.loop._graphs for runner in model._runners.values())
    assert len(set(losses)) == 8


def test_arguments_and_outputs() -> None:
    class Both(torch.nn.Module):
        def forward(self, x: Any, y: Any, scale: float = 1.0, negate: bool = False) -> Any:
            total = (x + y) * scale
            return {"total": -total if negate else total, "parts": (x, y)}

    layer = layers.TorchModuleWrapper(Both())
    out = layer(X, X, scale=3.0, negate=True)
    np.testing.assert_allclose(out["total"], -6.0 * X, rtol=1e-6)
    a, b = triceras.Input((4,)), triceras.Input((4,))
    symbols = layer(a, b, scale=3.0)
    assert symbols["total"].shape == (None, 4)
    model = triceras.Model([a, b], symbols["total"])
    np.testing.assert_allclose(model.predict([X, X], verbose=0), 6.0 * X, rtol=1e-6)


def test_lazy_modules_and_output_shapes() -> None:
    layer = layers.TorchModuleWrapper(torch.nn.LazyLinear(2))
    assert not layer.built
    assert not layer.weights
    layer(X)
    assert [v.shape for v in layer.weights] == [(2, 4), (2,)]
    shaped = layers.TorchModuleWrapper(torch.nn.Linear(4, 2), output_shape=(None, 2))
    assert shaped.compute_output_shape((7, 4)) == (None, 2)
    assert shaped(triceras.Input((4,))).shape == (None, 2)
    assert layers.TorchModuleWrapper(torch.nn.Linear(4, 2)).compute_output_shape((7, 4)) == (7, 2)


@pytest.mark.parametrize("policy", ["float16", "mixed_float16", "mixed_bfloat16"])
def test_policies(policy: str) -> None:
    layer = layers.TorchModuleWrapper(normalized(), dtype=policy)
    out = layer(X)
    assert str(out.dtype) == f"torch.{policy.removeprefix('mixed_')}"
    assert layer.module[0].weight.dtype == torch.float32
    expected = layer.module.eval()(torch.from_numpy(X).to(out.device)).detach().cpu()
    np.testing.assert_allclose(out.detach().float().cpu(), expected, atol=0.05)
    model = _model(normalized(), dtype=policy)
    model.fit(X, Y, epochs=2, verbose=0)
    assert str(model.layers[0].weights[0].state.dtype) == "torch.float32"


def test_files(tmp_path: pathlib.Path) -> None:
    module = Buffers()
    model = _model(module)
    model.fit(X, Y, batch_size=8, verbose=0)
    expected = model.predict(X, verbose=0)
    model.save(tmp_path / "m.keras")
    for key, value in (("Buffers", Buffers), ("torch_module_wrapper", Buffers), ("Buffers", Buffers())):
        name = model.layers[0].name if key == "torch_module_wrapper" else key
        again = saving.load_model(tmp_path / "m.keras", custom_objects={name: value})
        np.testing.assert_allclose(again.predict(X, verbose=0), expected, rtol=1e-6)
        assert int(again.layers[0].module.added_to) == 4
        again.fit(X, Y, batch_size=8, verbose=0)
        assert int(again.layers[0].module.added_to) == 8
    with pytest.raises(ValueError, match=r"names 'Buffers' of module .*Pass custom_objects=\{'Buffers'"):
        saving.load_model(tmp_path / "m.keras")
    with pytest.raises(ValueError, match=r"Buffers.*isn't registered"):
        saving.load_model(tmp_path / "m.keras", safe_mode=False)
    store: dict[str, Any] = {}
    model.layers[0].save_own_variables(store)
    assert sorted(store) == sorted(module.state_dict())
    del store["replaced"]
    with pytest.raises(ValueError, match="the file has no 'replaced'"):
        model.layers[0].load_own_variables(store)


def test_a_pickle_in_a_file_is_refused() -> None:
    config = layers.TorchModuleWrapper(torch.nn.Linear(4, 2), name="net").get_config() | {"module": "UEsDBAAACAgAA"}
    with pytest.raises(FileFormatError, match=r"module of layer 'net' as a pickle, which is code.*'net': module"):
        layers.TorchModuleWrapper.from_config(config)
    for module in (functools.partial(torch.nn.Linear, 4, 2), torch.nn.Linear(4, 2)):
        with saving.custom_object_scope({"net": module}):
            assert len(layers.TorchModuleWrapper.from_config(config).weights) == 2


def test_a_file_calls_no_function_that_is_registered_for_something_else() -> None:
    called: list[int] = []

    @saving.register_keras_serializable("tests")
    def harmful() -> None:
        called.append(1)

    entry = {"module": "tests", "class_name": "harmful", "config": {}, "registered_name": "tests>harmful"}
    config = layers.TorchModuleWrapper(torch.nn.Linear(4, 2)).get_config()
    for name in ("net", "tests>harmful"):
        with pytest.raises(FileFormatError, match=r"has 'harmful' for its module, which isn't a class"):
            layers.TorchModuleWrapper.from_config(config | {"module": entry, "name": name})
    del saving.get_custom_objects()["tests>harmful"]
    assert not called


def test_several_layers_of_one_class_each_get_their_module(tmp_path: pathlib.Path) -> None:
    inputs = triceras.Input((4,))
    first = layers.TorchModuleWrapper(torch.nn.Linear(4, 3), name="first")
    second = layers.TorchModuleWrapper(torch.nn.Linear(3, 2), name="second")
    model = triceras.Model(inputs, second(first(inputs)))
    model.save(tmp_path / "m.keras")
    modules = {"first": torch.nn.Linear(4, 3), "second": lambda: torch.nn.Linear(3, 2)}
    again = saving.load_model(tmp_path / "m.keras", custom_objects=modules)
    np.testing.assert_allclose(again.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-6)
    assert again.get_layer("first").module is not modules["first"]


def test_errors_and_summary(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(TypeError, match=r"Expected a torch.nn.Module, received 3 of type int"):
        layers.TorchModuleWrapper(3)
    with pytest.raises(RuntimeError, match="mat1 and mat2") as error:
        layers.TorchModuleWrapper(torch.nn.Linear(4, 2), name="net")(np.ones((2, 3), "float32"))
    assert "In the call of layer 'net'" in error.value.__notes__[0]
    model = _model(torch.nn.Linear(4, 2))
    model.summary()
    assert "TorchModuleWrapper" in capsys.readouterr().out
    assert model.count_params() == 10
    with StatelessScope():
        assert registry.active().name == "torch"

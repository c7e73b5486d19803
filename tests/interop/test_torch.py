"""Models as modules of torch, whatever backend they were made on, and modules of torch inside layers."""

from __future__ import annotations

import copy
import gc
import io
import pickle
from typing import Any

import numpy as np
import pytest

import triceras
from triceras import interop, layers, ops
from triceras.backends import registry
from triceras.backends.registry import backend_scope

torch = pytest.importorskip("torch")
X = np.random.default_rng(0).normal(size=(6, 4)).astype("float32")
GIVEN = registry.get_backend("torch").convert_to_tensor(X)  # where new layers are
SOURCES = ("jax", "torch", "tensorflow")


def _model(source: str) -> Any:
    with backend_scope(source):
        return triceras.Sequential(
            [
                triceras.Input((4,)),
                layers.Dense(5, "tanh", name="hidden"),
                layers.BatchNormalization(name="normalization"),
                layers.Dropout(0.5, name="dropout"),
                layers.Dense(2, name="last"),
            ]
        )


@pytest.fixture(params=SOURCES)
def module(request: pytest.FixtureRequest) -> Any:
    return interop.torch_module(_model(request.param))


def test_it_is_a_module(module: Any) -> None:
    assert isinstance(module, torch.nn.Module)
    assert list(module.state_dict())[:2] == ["hidden.kernel", "hidden.bias"]
    assert {name for name, _ in module.named_parameters()} < set(module.state_dict())
    assert "normalization.moving_mean" in dict(module.named_buffers())
    assert [name for name, _ in module.named_children()] == ["hidden", "normalization", "dropout", "last"]
    assert not module.training
    x = GIVEN
    assert torch.equal(module(x), module(x))
    module.train()
    assert not torch.equal(module(x), module(x))


@pytest.mark.parametrize("source", SOURCES)
def test_it_computes_what_the_model_does(source: str) -> None:
    model = _model(source)
    module = interop.torch_module(model)
    assert (module is model) == (source == "torch")
    got = module(GIVEN).detach().cpu().numpy()
    np.testing.assert_allclose(got, ops.convert_to_numpy(model(X)), rtol=1e-5, atol=1e-6)


def test_it_trains_by_torch(module: Any) -> None:
    x, y = GIVEN, torch.zeros(6, 2, device=GIVEN.device)
    mean = module.normalization.moving_mean.value.clone()
    optimizer = torch.optim.Adam(module.parameters(), lr=0.05)
    losses = []
    for _ in range(30):
        module.train()
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(module(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2
    assert not torch.equal(module.normalization.moving_mean.value, mean)


def test_it_stands_in_sequences_and_other_modules(module: Any) -> None:
    whole = torch.nn.Sequential(torch.nn.Linear(3, 4), module, torch.nn.ReLU()).to(GIVEN.device)
    assert len(list(whole.parameters())) == 2 + len(list(module.parameters()))
    whole(torch.ones(2, 3, device=GIVEN.device)).sum().backward()
    assert module.hidden.kernel.value.grad is not None
    again = copy.deepcopy(whole)
    assert torch.equal(again(torch.ones(2, 3, device=GIVEN.device)), whole(torch.ones(2, 3, device=GIVEN.device)))


def test_state_is_saved_by_torch(module: Any) -> None:
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    other = interop.torch_module(_model("torch"))
    assert not torch.equal(other(GIVEN), module(GIVEN))
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(other(GIVEN), module(GIVEN))
    assert torch.equal(pickle.loads(pickle.dumps(module))(GIVEN), module(GIVEN))


def test_hooks_run(module: Any) -> None:
    seen: list[Any] = []
    handle = module.last.register_forward_hook(lambda m, args, output: seen.append(tuple(output.shape)))
    module(GIVEN)
    handle.remove()
    module(GIVEN)
    assert seen == [(6, 2)]


def test_torch_func_and_vmap(module: Any) -> None:
    parameters = {name: value.detach() for name, value in module.named_parameters()}

    def loss(parameters: Any, x: Any) -> Any:
        return torch.func.functional_call(module, parameters, (x[None],)).square().sum()

    each = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0))(parameters, GIVEN)
    one = torch.func.grad(loss)(parameters, GIVEN[3])
    for name, gradient in one.items():
        assert each[name].shape == (6, *gradient.shape)
        torch.testing.assert_close(each[name][3], gradient, rtol=1e-5, atol=1e-6)


def test_torch_compile(module: Any) -> None:
    """One graph for the whole model, in training too: moving averages and dropout's seeds go on as eagerly."""
    x, other = GIVEN, copy.deepcopy(module)
    compiled = torch.compile(module, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), other(x))
    module.train()
    other.train()
    for _ in range(2):
        outputs, wanted = compiled(x), other(x)
        torch.testing.assert_close(outputs, wanted)
        outputs.square().sum().backward()
        wanted.square().sum().backward()
    torch.testing.assert_close(compiled(x[:2]), other(x[:2]))
    for (name, value), again in zip(module.state_dict().items(), other.state_dict().values(), strict=True):
        torch.testing.assert_close(value, again, msg=name)
    for value, again in zip(module.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(value.grad, again.grad)


@pytest.mark.parametrize("kind", ["list", "tuple", "dict"])
def test_torch_compile_with_structures(kind: str) -> None:
    with backend_scope("torch"):
        a, b = triceras.Input((4,), name="a"), triceras.Input((4,), name="b")
        outputs = {"sum": layers.Dense(2)(a + b), "first": layers.Dense(3)(a)}
        model = triceras.Model({"a": a, "b": b} if kind == "dict" else [a, b], outputs)
    data = {"a": GIVEN, "b": torch.ones(6, 4, device=GIVEN.device)}
    given = data if kind == "dict" else {"list": list, "tuple": tuple}[kind](data.values())
    outer = torch.nn.Sequential(model)
    got, wanted = torch.compile(outer, backend="aot_eager", fullgraph=True)(given), model(given)
    assert list(got) == list(wanted)
    torch.testing.assert_close(got, wanted)


def test_data_parallel(module: Any) -> None:
    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    try:
        wrapped = torch.nn.parallel.DistributedDataParallel(module)
        wrapped(GIVEN).sum().backward()
        assert module.last.kernel.value.grad is not None
        assert next(iter(wrapped.state_dict())) == "module.hidden.kernel"
    finally:
        # What outlives its process group ends it while holding the interpreter's lock, for which the group's threads may
        # wait: the process hangs (torch 2.13, seen with modules of torch's own).
        wrapped = None
        gc.collect()
        torch.distributed.destroy_process_group()


class _Holder(layers.Layer):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.inner = torch.nn.Linear(4, 3)
        self.outer = layers.Dense(1)

    def call(self, x: Any) -> Any:
        return self.outer(self.inner(x))


def test_modules_of_torch_are_trained_with_the_layer_that_holds_them() -> None:
    with backend_scope("torch"):
        model = triceras.Sequential([triceras.Input((4,)), _Holder()])
        assert isinstance(model.layers[0].inner, layers.TorchModuleWrapper)
        assert [v.shape for v in model.trainable_variables] == [(3, 4), (3,), (3, 1), (1,)]
        assert len(list(model.parameters())) == 4
        model.compile("sgd", "mse")
        before = [np.array(w) for w in model.get_weights()]
        model.fit(X, np.ones((6, 1)), epochs=2, verbose=0)
    for a, b in zip(model.get_weights(), before, strict=True):
        assert not np.array_equal(a, b)


def test_what_isnt_built() -> None:
    with backend_scope("jax"):
        layer = layers.Dense(2, name="late")
    with pytest.raises(
        ValueError, match=r"'late' isn't built, so it has no weights to hand over. Call it or build it first."
    ):
        interop.torch_module(layer)

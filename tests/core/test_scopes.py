"""Scopes: of state, of symbols, of names, of backends, and that threads don't see one another's."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import triceras
from triceras import layers, ops
from triceras.backends import registry
from triceras.backends.registry import Backend, backend_scope
from triceras.core import scopes
from triceras.core.naming import current_path


def host(x: object) -> list[float]:
    return np.asarray(ops.convert_to_numpy(x)).tolist()


def test_stateless_scope_redirects_reads_and_writes(backend: Backend) -> None:
    v, w = triceras.Variable([1.0, 2.0]), triceras.Variable([5.0, 5.0])
    replacement = ops.convert_to_tensor(np.array([10.0, 20.0], np.float32))
    with triceras.StatelessScope([(v, replacement)]) as scope:
        assert scopes.in_stateless_scope()
        assert host(v + 1.0) == [11.0, 21.0]
        v.assign_add([1.0, 1.0])
        w.assign([0.0, 0.0])
        assert host(w.value) == [0.0, 0.0]
        scope.add_update((w, ops.convert_to_tensor([3.0, 3.0])))
    assert not scopes.in_stateless_scope()
    assert host(scope.get_current_value(v)) == [11.0, 21.0]
    assert host(scope.get_current_value(w)) == [3.0, 3.0]
    assert scope.get_current_value(triceras.Variable(1.0)) is None
    assert (host(v.value), host(w.value)) == ([1.0, 2.0], [5.0, 5.0])


def test_stateless_scopes_nest_and_check(backend: Backend) -> None:
    v = triceras.Variable([1.0])
    with triceras.StatelessScope([(v, ops.convert_to_tensor([2.0]))]):
        with triceras.StatelessScope([(v, ops.convert_to_tensor([3.0]))]):
            assert host(v.value) == [3.0]
        assert host(v.value) == [2.0]
    with pytest.raises(ValueError, match=r"has the shape \(2,\), expected \(1,\)"):
        triceras.StatelessScope([(v, ops.convert_to_tensor([1.0, 2.0]))])
    with pytest.raises(ValueError, match=r"takes pairs \(Variable, value\)"):
        triceras.StatelessScope([(1.0, 2.0)])


def test_stateless_scope_collects_losses(backend: Backend) -> None:
    layer = layers.Dense(2, activity_regularizer="l2")
    layer(np.ones((1, 3), np.float32))
    with triceras.StatelessScope(collect_losses=True) as scope:
        layer(np.ones((1, 3), np.float32))
    assert len(scope.losses) == 1


def test_variables_made_in_a_stateless_scope_are_real(backend: Backend) -> None:
    with triceras.StatelessScope():
        v = triceras.Variable([1.0])
    assert v.numpy().tolist() == [1.0]


def test_symbolic_scope() -> None:
    assert not scopes.in_symbolic_scope()
    with triceras.SymbolicScope():
        assert scopes.in_symbolic_scope()
    assert not scopes.in_symbolic_scope()


def test_a_layer_is_told_that_only_shapes_are_inferred(backend: Backend) -> None:
    seen = []

    class Curious(layers.Layer):
        def call(self, x: object) -> object:
            seen.append(scopes.in_symbolic_scope())
            return x * 2  # type: ignore[operator]

    Curious()(triceras.KerasTensor((None, 2)))
    Curious()(np.ones((1, 2), np.float32))
    assert seen[0] is True
    assert seen[-1] is False


def test_name_scopes_and_automatic_names() -> None:
    triceras.utils.clear_session()
    assert [layers.Dense(1).name, layers.Dense(1).name, layers.BatchNormalization().name] == [
        "dense",
        "dense_1",
        "batch_normalization",
    ]
    with triceras.name_scope("a"):
        with triceras.name_scope("b"):
            assert current_path() == "a/b"
        assert current_path() == "a"
    assert current_path() == ""
    triceras.utils.clear_session()
    assert layers.Dense(1).name == "dense"
    with pytest.raises(ValueError, match="slash"):
        triceras.name_scope("a/b")


def test_backend_scopes_nest() -> None:
    before = triceras.config.backend()
    with backend_scope("numpy"):
        with backend_scope("torch") as inner:
            assert (triceras.config.backend(), inner.name) == ("torch", "torch")
        assert triceras.config.backend() == "numpy"
        with pytest.raises(RuntimeError, match="inside"), backend_scope("jax"):
            raise RuntimeError("inside")
        assert triceras.config.backend() == "numpy"
    assert triceras.config.backend() == before


def test_threads_have_their_own_scopes() -> None:
    """Sixteen threads on four backends, each in its own scopes at the same time as the others."""
    names = ["jax", "torch", "tensorflow", "numpy"] * 4
    together = threading.Barrier(len(names))
    results: list[object] = [None] * len(names)

    def work(position: int, name: str) -> None:
        with backend_scope(name) as backend, triceras.name_scope(f"t{position}"):
            v = triceras.Variable([float(position)])
            with triceras.StatelessScope([(v, ops.convert_to_tensor([-1.0 * position]))]):
                together.wait(60)
                value = host(v.value)
                ok = isinstance(ops.ones((2,)), backend.tensor_types)
            results[position] = (value, ok, v.path.partition("/")[0], v.numpy().tolist())

    threads = [threading.Thread(target=work, args=(i, name)) for i, name in enumerate(names)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert results == [([-1.0 * i], True, f"t{i}", [float(i)]) for i in range(len(names))]
    assert registry._scoped.get() is None


def test_set_backend_is_the_process_wide_choice() -> None:
    before = triceras.config.backend()
    try:
        triceras.config.set_backend("numpy")
        seen = []
        thread = threading.Thread(target=lambda: seen.append(triceras.config.backend()))
        thread.start()
        thread.join()
        assert seen == ["numpy"]
        with backend_scope("torch"):
            assert triceras.config.backend() == "torch"
    finally:
        triceras.config.set_backend(before)

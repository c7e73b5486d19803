"""Masks of recurrent layers: outputs, states and gradients against steps taken by hand, for masks of every kind."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from tests.layers.table import lengths, normal
from triceras import layers, ops
from triceras.backends import registry
from triceras.state.stateless import StatelessScope

TRAINING = [name for name in registry.available_backends() if name != "numpy"]
BATCH, TIME, FEATURES, UNITS = 6, 7, 3, 4
X = normal(BATCH, TIME, FEATURES)
#: Nothing masked, everything masked, the end, the beginning, and gaps.
MASK = np.array(
    [
        [1, 1, 1, 1, 1, 1, 1],
        [0, 0, 0, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0, 0],
        [0, 0, 0, 0, 1, 1, 1],
        [0, 1, 0, 1, 1, 0, 1],
        [1, 0, 0, 0, 0, 1, 0],
    ],
    bool,
)
KINDS = pytest.mark.parametrize("kind", ["LSTM", "GRU", "SimpleRNN"])


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def _lstm(x: np.ndarray, h: np.ndarray, c: np.ndarray, k: Any, u: Any, b: Any) -> tuple[np.ndarray, np.ndarray]:
    i, f, g, o = np.split(x @ k + h @ u + b, 4, -1)
    c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
    return _sigmoid(o) * np.tanh(c), c


def _gru(x: np.ndarray, h: np.ndarray, c: np.ndarray, k: Any, u: Any, b: Any) -> tuple[np.ndarray, np.ndarray]:
    (x_z, x_r, x_n), (h_z, h_r, h_n) = np.split(x @ k + b[0], 3, -1), np.split(h @ u + b[1], 3, -1)
    z = _sigmoid(x_z + h_z)
    return z * h + (1 - z) * np.tanh(x_n + _sigmoid(x_r + h_r) * h_n), c


def _simple(x: np.ndarray, h: np.ndarray, c: np.ndarray, k: Any, u: Any, b: Any) -> tuple[np.ndarray, np.ndarray]:
    return np.tanh(x @ k + h @ u + b), c


STEPS = {"LSTM": _lstm, "GRU": _gru, "SimpleRNN": _simple}


def _by_hand(layer: Any, kind: str, states: list[np.ndarray]) -> list[np.ndarray]:
    """All outputs and the last states, step by step."""
    weights = [w.numpy().astype("float64") for w in layer.weights]
    x, mask = (X[:, ::-1], MASK[:, ::-1]) if layer.go_backwards else (X, MASK)
    h, c = states[0], states[-1]
    zeros = layer.zero_output_for_mask and layer.return_sequences
    outputs = [np.zeros_like(h)]
    for t in range(TIME):
        keep = mask[:, t, None]
        new_h, new_c = STEPS[kind](x[:, t], h, c, *weights)
        h, c = np.where(keep, new_h, h), np.where(keep, new_c, c)
        outputs.append(np.where(keep, h, 0 if zeros else outputs[-1]))
    result = np.stack(outputs[1:], 1) if layer.return_sequences else outputs[-1]
    return [result, h, c][: 1 + len(states)]


def _made(kind: str, **kwargs: Any) -> Any:
    layer = getattr(layers, kind)(UNITS, return_state=True, **kwargs)
    layer.build(X.shape)
    layer.set_weights([normal(*w.shape, seed=i) * 0.5 for i, w in enumerate(layer.weights)])
    return layer


def _states(kind: str) -> list[np.ndarray]:
    return [normal(BATCH, UNITS, seed=8 + i) for i in range(2 if kind == "LSTM" else 1)]


def _host(values: Any) -> list[np.ndarray]:
    return [np.asarray(ops.convert_to_numpy(v)) for v in values]


@KINDS
@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("zero_output_for_mask", [False, True])
def test_by_hand(backend: registry.Backend, kind: str, go_backwards: bool, zero_output_for_mask: bool) -> None:
    """Masked steps leave the states as they are and give the output before them, or zeros."""
    states = _states(kind)
    for return_sequences in (False, True):
        layer = _made(
            kind,
            return_sequences=return_sequences,
            go_backwards=go_backwards,
            zero_output_for_mask=zero_output_for_mask,
        )
        found = _host(layer(X, initial_state=states, mask=MASK))
        for value, expected in zip(found, _by_hand(layer, kind, states), strict=True):
            np.testing.assert_allclose(value, expected, rtol=1e-5, atol=3e-6)


def _gradients(layer: Any, backend: Any, x: np.ndarray, mask: np.ndarray, states: list[np.ndarray]) -> list[np.ndarray]:
    """Those of a weighted sum of outputs and states, by weights, inputs and first states."""
    arrays = [w.numpy() for w in layer.weights] + [x, *states]

    def total(values: list[Any]) -> Any:
        count = len(layer.weights)
        with StatelessScope.over(layer.weights, values[:count]):
            outputs = layer(values[count], initial_state=values[count + 1 :], mask=backend.convert_to_tensor(mask))
            factors = [backend.convert_to_tensor(normal(*v.shape, seed=3)) for v in outputs]
            return sum(ops.sum(v * factor) for v, factor in zip(outputs, factors, strict=True)), ()

    return _host(backend.value_and_grad(total, [backend.convert_to_tensor(a) for a in arrays])[2])


@KINDS
@pytest.mark.parametrize("name", TRAINING)
def test_gradients(name: str, kind: str) -> None:
    """They are those of steps that are written out and masked one by one."""
    with registry.backend_scope(name) as backend:
        for kwargs in ({"return_sequences": True}, {"go_backwards": True}):
            fused, unrolled = _made(kind, **kwargs), _made(kind, unroll=True, **kwargs)
            found, expected = (_gradients(layer, backend, X, MASK, _states(kind)) for layer in (fused, unrolled))
            for value, reference in zip(found, expected, strict=True):
                np.testing.assert_allclose(value, reference, rtol=1e-4, atol=1e-5)


@KINDS
@pytest.mark.parametrize("name", TRAINING)
def test_masked_values_dont_matter(name: str, kind: str) -> None:
    """Not even NaN in a masked step reaches an output or a gradient."""
    spoilt = np.where(MASK[:, :, None], X, np.nan).astype("float32")
    with registry.backend_scope(name) as backend:
        layer = _made(kind, return_sequences=True)
        for value, expected in zip(
            _host(layer(spoilt, initial_state=_states(kind), mask=MASK)),
            _host(layer(X, initial_state=_states(kind), mask=MASK)),
            strict=True,
        ):
            np.testing.assert_array_equal(value, expected)
        gradients = (_gradients(layer, backend, x, MASK, _states(kind)) for x in (spoilt, X))
        for value, expected in zip(*gradients, strict=True):
            np.testing.assert_array_equal(value, expected)


@KINDS
@pytest.mark.parametrize("name", TRAINING)
def test_a_compiled_step_takes_any_mask(name: str, kind: str) -> None:
    """A step that was captured with one mask computes with another what an eager call does."""
    with registry.backend_scope(name) as backend:
        layer = _made(kind, return_sequences=True)

        def step(values: list[Any], constants: list[Any], batch: list[Any]) -> Any:
            with StatelessScope.over(layer.weights, values):
                return values, layer(batch[0], mask=batch[1])

        loop = backend.step_loop(step, layer.weights)
        masks = [MASK, lengths(TIME, 7, 6, 5, 3, 1, 0), np.ones_like(MASK), ~MASK]
        for mask in [*masks, *masks]:
            outputs = loop.run([backend.convert_to_tensor(X), backend.convert_to_tensor(mask)])
            for value, expected in zip(_host(outputs), _host(layer(X, mask=mask)), strict=True):
                np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)
        assert loop.fallback is None


@KINDS
def test_sizes_of_zero(backend: registry.Backend, kind: str) -> None:
    """An empty batch is none the worse; a sequence without steps has no last output."""
    layer = _made(kind, return_sequences=True)
    for mask in (None, np.ones((0, TIME), bool)):
        found = _host(layer(np.zeros((0, TIME, FEATURES), "float32"), mask=mask))
        assert [v.shape for v in found] == [(0, TIME, UNITS), *[(0, UNITS)] * (len(found) - 1)]
    with pytest.raises(ValueError, match="needs at least one step"):
        layer(np.zeros((2, 0, FEATURES), "float32"))


def test_sixteen_bits(backend: registry.Backend) -> None:
    """Behind the end of a row the LSTM's second state stays as it is to the last bit, in other dtypes too."""
    for dtype in ("float16", "bfloat16"):
        layer = layers.LSTM(UNITS, return_state=True, dtype=dtype)
        mask = lengths(TIME, 3, 3)
        _, h, c = layer(X[:2], mask=mask)
        _, short_h, short_c = layer(X[:2, :3])
        for value, expected in ((h, short_h), (c, short_c)):
            assert ops.dtype(value) == dtype
            value, expected = _host([ops.cast(value, "float32"), ops.cast(expected, "float32")])
            np.testing.assert_allclose(value, expected, rtol=1e-2, atol=1e-2)


@pytest.mark.skipif("torch" not in TRAINING, reason="needs torch")
def test_torch_loads_no_compiler() -> None:
    """The ops of recurrent layers on torch load nothing heavy when they first run."""
    code = (
        "import os, sys; os.environ['TRICERAS_BACKEND'] = 'torch'\n"
        "import numpy as np\nfrom triceras import layers\n"
        "x, mask = np.ones((2, 5, 3), 'float32'), np.ones((2, 5), bool)\n"
        "for kind in (layers.LSTM, layers.GRU, layers.SimpleRNN):\n"
        "    kind(4)(x, mask=mask).sum().backward()\n"
        "print([name for name in ('torch._dynamo', 'sympy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

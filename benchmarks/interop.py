"""What a model costs as a module of torch, a function of JAX or one of TensorFlow, and what its exports take for one row.

    python benchmarks/interop.py [torch|jax|tensorflow|latency] ...

The same layers are written in the framework and made here, with the same weights. Their calls are timed in turn, A B A B, in
one process, and the median of the ratios of neighbours is printed: forward, and with gradients. ``latency`` exports four
models of jax and times one row in each runtime, in fresh processes.
"""

from __future__ import annotations

import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
#: Features, hidden units, rows.
WIDTHS = ((8, 64, 32), (64, 512, 64), (64, 1024, 256))
ROUNDS = 40
Pair = tuple[str, Callable[[], Any], Callable[[], Any]]


def compared(ours: Callable[[], Any], theirs: Callable[[], Any]) -> tuple[float, float]:
    """The median ratio of two functions' times, measured in turn, and the second one's microseconds."""
    calls = 1
    while _seconds(theirs, calls) < 0.01:
        calls *= 2
    ratios, times = [], []
    for _ in range(ROUNDS):
        a, b = _seconds(ours, calls), _seconds(theirs, calls)
        ratios.append(a / b)
        times.append(b / calls)
    return statistics.median(ratios), statistics.median(times) * 1e6


def _seconds(function: Callable[[], Any], calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        function()
    return time.perf_counter() - start


def _model(features: int, hidden: int, backend: str) -> Any:
    import triceras
    from triceras import layers

    with triceras.backend_scope(backend):
        body = [layers.Dense(hidden, "relu"), layers.LayerNormalization(), layers.Dense(hidden, "relu")]
        return triceras.Sequential([triceras.Input((features,)), *body, layers.Dense(10)])


def torch_module(features: int, hidden: int, batch: int) -> Iterator[Pair]:
    """A model as an ``nn.Module`` beside ``torch.nn``'s layers."""
    import torch

    from triceras import interop

    module = interop.torch_module(_model(features, hidden, "jax"))
    native = torch.nn.Sequential(
        torch.nn.Linear(features, hidden),
        torch.nn.ReLU(),
        torch.nn.LayerNorm(hidden, 1e-3),
        torch.nn.Linear(hidden, hidden),
        torch.nn.ReLU(),
        torch.nn.Linear(hidden, 10),
    )
    with torch.no_grad():
        for ours, theirs in zip(module.parameters(), native.parameters(), strict=True):
            theirs.copy_(ours.T if ours.ndim == 2 else ours)
    x = torch.randn(batch, features, device=next(module.parameters()).device)
    native.to(x.device)
    wait = torch.cuda.synchronize if x.is_cuda else lambda: None
    torch.testing.assert_close(module(x), native(x), rtol=1e-4, atol=1e-5)

    def step(m: Any) -> None:
        m.zero_grad()
        m(x).square().mean().backward()
        wait()

    yield "forward", lambda: (module(x), wait()), lambda: (native(x), wait())
    yield "gradient", lambda: step(module), lambda: step(native)
    compiled = [torch.compile(m, backend="aot_eager") for m in (module, native)]
    yield "torch.compile", lambda: (compiled[0](x), wait()), lambda: (compiled[1](x), wait())


def jax_function(features: int, hidden: int, batch: int) -> Iterator[Pair]:
    """A model as a function beside one written with ``jax.numpy``."""
    import jax
    import jax.numpy as jnp

    from triceras import interop

    function, parameters = interop.jax_function(_model(features, hidden, "torch"))
    names = list(parameters["trainable"])

    def native(p: Any, x: Any) -> Any:
        w = [p["trainable"][name] for name in names]
        x = jax.nn.relu(x @ w[0] + w[1])
        mean = x.mean(-1, keepdims=True)
        x = (x - mean) * jax.lax.rsqrt(((x - mean) ** 2).mean(-1, keepdims=True) + 1e-3) * w[2] + w[3]
        return jax.nn.relu(x @ w[4] + w[5]) @ w[6] + w[7]

    def gradient(f: Any) -> Any:
        return jax.jit(jax.grad(lambda p, x: (f(p, x) ** 2).mean()))

    x = jnp.asarray(np.random.default_rng(0).normal(size=(batch, features)), jnp.float32)
    np.testing.assert_allclose(function(parameters, x), native(parameters, x), rtol=1e-3, atol=1e-4)
    calls = [jax.jit(function), jax.jit(native), gradient(function), gradient(native)]
    ours, theirs, our_gradient, their_gradient = [lambda f=f: jax.block_until_ready(f(parameters, x)) for f in calls]
    yield "forward", ours, theirs
    yield "gradient", our_gradient, their_gradient


def tf_module(features: int, hidden: int, batch: int) -> Iterator[Pair]:
    """A model in a ``tf.function`` beside one of TensorFlow's own operations."""
    import tensorflow as tf

    from triceras import interop

    module = interop.tf_module(_model(features, hidden, "jax"))
    w = [tf.Variable(v) for v in module.trainable_variables]

    def native(x: Any) -> Any:
        x = tf.nn.relu(x @ w[0] + w[1])
        mean, variance = tf.nn.moments(x, [-1], keepdims=True)
        x = tf.nn.batch_normalization(x, mean, variance, w[3], w[2], 1e-3)
        return tf.nn.relu(x @ w[4] + w[5]) @ w[6] + w[7]

    def gradients(f: Any, variables: Any) -> Any:
        def step(x: Any) -> Any:
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(f(x) ** 2)
            return tape.gradient(loss, variables)

        return tf.function(step)

    x = tf.random.normal((batch, features))
    np.testing.assert_allclose(module(x), native(x), rtol=1e-3, atol=1e-4)
    calls = tf.function(lambda x: module(x)), tf.function(native)
    yield "forward", lambda: calls[0](x), lambda: calls[1](x)
    steps = gradients(module, module.trainable_variables), gradients(native, w)
    yield "gradient", lambda: steps[0](x), lambda: steps[1](x)


def in_turn(name: str) -> None:
    """Print the ratios of one framework."""
    for features, hidden, batch in WIDTHS:
        for what, ours, theirs in PAIRS[name](features, hidden, batch):
            ours(), theirs()
            ratio, microseconds = compared(ours, theirs)
            print(f"{name:12}{features:4} -> {hidden:5}  {what:14}{ratio:6.3f}  of {microseconds:8.1f} us", flush=True)


#: How one row is timed in each runtime: ``run`` is called on it.
_RUNTIMES = {
    "tf_saved_model": "import tensorflow as tf; f = tf.saved_model.load(path).signatures['serving_default']; "
    "t = tf.constant(x); run = lambda: f(**{name: t})",
    "torch": "import torch; m = torch.export.load(path).module(); t = torch.from_numpy(x); torch.set_grad_enabled(False); "
    "run = lambda: m(t)",
    "stablehlo": "import jax; from jax import export; f = jax.jit(export.deserialize(open(path, 'rb').read()).call); "
    "run = lambda: jax.block_until_ready(f(x))",
    "onnx": "import onnxruntime; s = onnxruntime.InferenceSession(path); run = lambda: s.run(None, {name: x})",
    "openvino": "import openvino; c = openvino.Core().compile_model(path, 'CPU', {'INFERENCE_PRECISION_HINT': 'f32'}); "
    "r = c.create_infer_request(); run = lambda: r.infer({name: x})",
    "litert": "from ai_edge_litert.interpreter import Interpreter; s = Interpreter(path).get_signature_runner(); "
    "run = lambda: s(**{name: x})",
}
_LOADED = "import triceras; from triceras import interop; m = triceras.saving.load_model(path); "
#: The same by the framework itself, with the model loaded from its file.
_NATIVE = {
    "torch, eager": "import torch; f = interop.torch_module(m); torch.set_grad_enabled(False); t = torch.from_numpy(x); "
    "run = lambda: f(t)",
    "jax.jit": "import jax; f, p = interop.jax_function(m); f = jax.jit(f); run = lambda: jax.block_until_ready(f(p, x))",
    "tf.function": "import tensorflow as tf; f = interop.tf_module(m); t = tf.constant(x); run = lambda: f(t)",
}
_TIMED = """
import sys, time, numpy as np
path, name, x = sys.argv[1], sys.argv[2], np.load(sys.argv[3])
{setup}
run(); run()
times = []
for _ in range(300):
    start = time.perf_counter(); run(); times.append(time.perf_counter() - start)
print(sorted(times)[150] * 1e6)
"""


def latency() -> None:
    """Microseconds for one row, the median of 300 calls in each of three fresh processes."""
    sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
    from tests.interop.twelve import MODELS

    from triceras import backend_scope
    from triceras.export.formats import FORMATS

    for name in ("mlp", "cnn", "encoder", "lstm"):
        row = MODELS[name]
        with backend_scope("jax"):
            model = row.make()
        with tempfile.TemporaryDirectory() as folder:
            data = f"{folder}/x.npy"
            np.save(data, row.data(1, 8))
            model.save(f"{folder}/model.keras")
            natively = {kind: _LOADED + setup for kind, setup in _NATIVE.items()}
            for kind, setup in (_RUNTIMES | natively).items():
                path = f"{folder}/model{FORMATS[kind].suffix if kind in FORMATS else '.keras'}"
                if kind in FORMATS:
                    model.export(path, format=kind)
                program = _TIMED.format(setup=setup)
                command = [sys.executable, "-c", program, path, model.input.name, data]
                runs = [float(subprocess.check_output(command, text=True, stderr=subprocess.DEVNULL)) for _ in range(3)]
                print(f"{name:10}{kind:16}{statistics.median(runs):10.0f} us", flush=True)


PAIRS = {"torch": torch_module, "jax": jax_function, "tensorflow": tf_module}


def main() -> None:
    """Run what the command line asks for, each part in a process of its own."""
    if len(sys.argv) == 2:
        latency() if sys.argv[1] == "latency" else in_turn(sys.argv[1])
        return
    for part in sys.argv[1:] or (*PAIRS, "latency"):
        subprocess.run([sys.executable, __file__, part], check=True)


if __name__ == "__main__":
    main()

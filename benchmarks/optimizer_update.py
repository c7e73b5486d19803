"""The update alone: Adam over 100 million parameters in 300 tensors, ours beside the framework's own fused one.

    python benchmarks/optimizer_update.py [--backends jax …] [--rounds 3] [--millions 100]

Ours is ``optimizer.apply`` on torch, the same in a ``tf.function`` on tensorflow, and the jitted ``stateless_apply`` on jax;
theirs are ``torch.optim.Adam`` (``fused=True``), optax under ``jit`` with its inputs' memory given away, and TensorFlow's
``ResourceApplyAdam`` over all variables in one ``tf.function``. Each measurement is a fresh process, and the two take turns.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

TENSORS = 300
RATE = 1e-3


def shapes(millions: float) -> list[tuple[int, int]]:
    """Matrices of three sizes, as in a transformer: small ones, square ones, and a few large ones."""
    whole = millions * 1e6
    parts = [0.05 / 100] * 100 + [0.55 / 190] * 190 + [0.4 / 10] * 10
    return [(max(round(share * whole / 512), 1), 512) for share in parts]


def milliseconds(update: Callable[[], None], wait: Callable[[], None], repeats: int = 15) -> float:
    """The median time of an update that is waited for."""
    times = []
    for _ in range(repeats):
        wait()
        started = time.perf_counter()
        update()
        wait()
        times.append(time.perf_counter() - started)
    return statistics.median(times[3:]) * 1e3


def ours(backend: str, sizes: list[tuple[int, int]]) -> float:
    """Milliseconds of our update."""
    os.environ["TRICERAS_BACKEND"] = backend
    import triceras

    native = triceras.backends.registry.get_backend(backend)
    variables = [triceras.Variable(np.full(shape, 0.5, "float32")) for shape in sizes]
    gradients = [native.convert_to_tensor(np.full(shape, 0.1, "float32")) for shape in sizes]
    optimizer = triceras.optimizers.Adam(RATE)
    optimizer.build(variables)
    if backend == "torch":
        return milliseconds(
            lambda: optimizer.apply(gradients, variables), lambda: wait_for(backend, variables[-1].value)
        )
    if backend == "tensorflow":
        import tensorflow as tf

        apply = tf.function(lambda gradients: optimizer.apply(gradients, variables))
        return milliseconds(lambda: apply(gradients), lambda: wait_for(backend, variables[-1].value))
    import jax

    # JAX gives an input's memory to the first output of its shape, so what goes in comes out in one order.
    def step(parameters: Any, slots: Any, gradients: Any) -> Any:
        return optimizer.stateless_apply(slots, gradients, parameters)

    jitted = jax.jit(step, donate_argnums=(0, 1))
    state: Any = [v.value for v in variables], [v.value for v in optimizer.variables]

    def update() -> None:
        nonlocal state
        state = jitted(*state, gradients)

    return milliseconds(update, lambda: jax.block_until_ready(state))


def theirs(backend: str, sizes: list[tuple[int, int]]) -> float:
    """Milliseconds of the framework's own update."""
    return {"jax": optax_adam, "torch": torch_adam, "tensorflow": tensorflow_adam}[backend](sizes)


def optax_adam(sizes: list[tuple[int, int]]) -> float:
    """optax under ``jit``."""
    import jax
    import optax

    parameters = [jax.numpy.full(shape, 0.5) for shape in sizes]
    gradients = [jax.numpy.full(shape, 0.1) for shape in sizes]
    adam = optax.adam(RATE)

    def step(parameters: Any, gradients: Any, state: Any) -> Any:
        updates, state = adam.update(gradients, state, parameters)
        return optax.apply_updates(parameters, updates), state

    jitted = jax.jit(step, donate_argnums=(0, 2))
    current = [parameters, adam.init(parameters)]

    def update() -> None:
        current[0], current[1] = jitted(current[0], gradients, current[1])

    return milliseconds(update, lambda: jax.block_until_ready(current))


def torch_adam(sizes: list[tuple[int, int]]) -> float:
    """torch's fused kernel."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    parameters = [torch.full(shape, 0.5, device=device, requires_grad=True) for shape in sizes]
    for parameter in parameters:
        parameter.grad = torch.full_like(parameter, 0.1)
    optimizer = torch.optim.Adam(parameters, lr=RATE, fused=True)
    return milliseconds(lambda: optimizer.step(), lambda: wait_for("torch", parameters[-1]))


def tensorflow_adam(sizes: list[tuple[int, int]]) -> float:
    """TensorFlow's kernel over every variable in one function."""
    import tensorflow as tf

    parameters = [tf.Variable(tf.fill(shape, 0.5)) for shape in sizes]
    moments = [[tf.Variable(tf.zeros(shape)) for shape in sizes] for _ in range(2)]
    gradients = [tf.fill(shape, 0.1) for shape in sizes]
    powers = [tf.Variable(0.9), tf.Variable(0.999)]

    @tf.function
    def step(gradients: Any) -> None:
        for parameter, first, second, gradient in zip(parameters, *moments, gradients, strict=True):
            tf.raw_ops.ResourceApplyAdam(
                var=parameter.handle,
                m=first.handle,
                v=second.handle,
                beta1_power=powers[0],
                beta2_power=powers[1],
                lr=RATE,
                beta1=0.9,
                beta2=0.999,
                epsilon=1e-7,
                grad=gradient,
            )
        for power, beta in zip(powers, (0.9, 0.999), strict=True):
            power.assign(power * beta)

    return milliseconds(lambda: step(gradients), lambda: wait_for("tensorflow", parameters[-1][0, 0]))


def wait_for(backend: str, tensor: Any) -> None:
    """Wait until a tensor is computed."""
    if backend == "torch":
        import torch

        if tensor.is_cuda:
            torch.cuda.synchronize()
    elif backend == "tensorflow":
        tensor.numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backends", nargs="+", default=["jax", "torch", "tensorflow"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--millions", type=float, default=100)
    parser.add_argument("--one", choices=["ours", "theirs"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        function = ours if arguments.one == "ours" else theirs
        print(json.dumps(function(arguments.backends[0], shapes(arguments.millions))))
        return
    print("| backend | ours, ms | native, ms | ratio |\n|---|---|---|---|")
    for backend in arguments.backends:
        found: dict[str, list[float]] = {"ours": [], "theirs": []}
        for _ in range(arguments.rounds):
            for which, times in found.items():
                command = [sys.executable, __file__, "--one", which, "--backends", backend]
                command += ["--millions", str(arguments.millions)]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                times.append(json.loads(done.stdout.strip().splitlines()[-1]))
        first, second = (statistics.median(times) for times in found.values())
        print(f"| {backend} | {first:.1f} | {second:.1f} | {first / second:.2f} |", flush=True)


if __name__ == "__main__":
    main()

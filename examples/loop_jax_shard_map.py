"""Data parallelism in JAX: each device takes its part of a batch in ``jax.shard_map``, and gradients are averaged over all.

It runs on four devices that the CPU is divided into. One training on one device with whole batches, one with ``shard_map``, and
one whose batches are only laid out over the devices, while ``jit`` divides the work, must end with the same weights.
"""

from __future__ import annotations

import os

os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=4"

from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from sklearn.datasets import load_digits

import triceras
from triceras import layers

DEVICES = 4  # as asked for above, which JAX reads as it starts
ROWS, EVERYWHERE = PartitionSpec("data"), PartitionSpec()
LOSS = triceras.losses.SparseCategoricalCrossentropy(from_logits=True)


def make() -> triceras.Model:
    """The same initial weights each time."""
    triceras.utils.set_random_seed(0)
    return triceras.Sequential(
        [triceras.Input((64,)), layers.Dense(64, "tanh"), layers.LayerNormalization(), layers.Dense(10)]
    )


def step_for(model: triceras.Model, optimizer: triceras.optimizers.Optimizer, axis: str | None) -> Any:
    """A pure step; within ``shard_map`` it sees a device's rows, and ``axis`` is what to average the loss over."""

    def loss(trainable: Any, other: Any, x: Any, y: Any) -> Any:
        logits, other = model.stateless_call(trainable, other, x, training=True)
        value = LOSS(y, logits)
        # The weights are the same on all devices, so the gradient of this mean is the mean of the devices' gradients.
        return value if axis is None else jax.lax.pmean(value, axis), other

    def step(trainable: Any, other: Any, state: Any, x: Any, y: Any) -> Any:
        (value, other), gradients = jax.value_and_grad(loss, has_aux=True)(trainable, other, x, y)
        trainable, state = optimizer.stateless_apply(state, gradients, trainable)
        return trainable, other, state, value

    return step


def train(kind: str, mesh: Mesh, x: np.ndarray, y: np.ndarray) -> tuple[list[float], list[np.ndarray]]:
    """Five epochs in one of three ways; losses by epoch and the weights."""
    model, optimizer = make(), triceras.optimizers.Adam(3e-3)
    optimizer.build(model.trainable_variables)
    groups = model.trainable_variables, model.non_trainable_variables, optimizer.variables
    state: Any = tuple([v.value for v in group] for group in groups)
    if kind == "shard_map":
        # All state is on each device; rows are divided.
        layout = {
            "in_specs": (EVERYWHERE, EVERYWHERE, EVERYWHERE, ROWS, ROWS),
            "out_specs": (EVERYWHERE, EVERYWHERE, EVERYWHERE, EVERYWHERE),
        }
        step = jax.jit(jax.shard_map(step_for(model, optimizer, "data"), mesh=mesh, **layout))
    else:
        step = jax.jit(step_for(model, optimizer, None))
    if kind != "one device":
        state = jax.device_put(state, NamedSharding(mesh, EVERYWHERE))
    losses = []
    for _ in range(5):
        values = []
        for i in range(0, len(x), 128):
            batch: Any = (x[i : i + 128], y[i : i + 128])
            if kind != "one device":
                batch = jax.device_put(batch, NamedSharding(mesh, ROWS))
            *state, value = step(*state, *batch)
            values.append(value)
        losses.append(float(sum(values)) / len(values))
    print(
        f"{kind:<20}",
        " ".join(f"{value:.4f}" for value in losses),
        "  weights on",
        len(state[0][0].devices()),
        "devices",
    )
    return losses, [np.asarray(value) for value in state[0]]


def main() -> None:
    """Train in three ways, compare."""
    triceras.config.set_backend("jax")
    mesh = Mesh(np.array(jax.devices("cpu")), ("data",))
    if mesh.size != DEVICES:
        raise SystemExit(f"Expected {DEVICES} devices, JAX has {jax.devices('cpu')}")
    x, y = load_digits(return_X_y=True)
    x, y = (x / 16.0).astype("float32")[:1792], y.astype("int32")[:1792]
    losses, expected = train("one device", mesh, x, y)
    if losses[-1] > losses[0] / 4:
        raise SystemExit(f"It didn't learn: {losses}")
    for kind in ("shard_map", "rows laid out, jit"):
        others, weights = train(kind, mesh, x, y)
        np.testing.assert_allclose(others, losses, rtol=1e-3)
        for ours, theirs in zip(weights, expected, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)
    print(f"{DEVICES} devices came to the weights of one.")


if __name__ == "__main__":
    main()

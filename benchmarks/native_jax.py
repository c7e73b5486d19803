"""The workloads as a JAX user writes them: Flax (linen), optax, a jitted step with donated state, a loop over batches."""

from __future__ import annotations

import functools
import time
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from measure import median_seconds


class Mlp(nn.Module):
    widths: tuple[int, ...]
    rate: float = 0.0

    @nn.compact
    def __call__(self, x: Any, train: bool = True) -> Any:
        for width in self.widths[:-1]:
            x = nn.relu(nn.Dense(width)(x))
            if self.rate:
                x = nn.Dropout(self.rate, deterministic=not train)(x)
        return nn.Dense(self.widths[-1])(x)


class Cnn(nn.Module):
    @nn.compact
    def __call__(self, x: Any, train: bool = True) -> Any:
        for width in (32, 64):
            x = nn.max_pool(nn.relu(nn.Conv(width, (3, 3), padding="VALID")(x)), (2, 2), (2, 2))
        x = nn.Dropout(0.5, deterministic=not train)(x.reshape(len(x), -1))
        return nn.Dense(10)(x)


class Transformer(nn.Module):
    @nn.compact
    def __call__(self, x: Any, train: bool = True) -> Any:
        x = nn.Embed(1000, 128)(x)
        for _ in range(4):
            y = nn.LayerNorm(1e-3)(x)
            x = x + nn.MultiHeadDotProductAttention(4, qkv_features=128)(y, y)
            y = nn.LayerNorm(1e-3)(x)
            x = x + nn.Dense(128)(nn.gelu(nn.Dense(512)(y), approximate=False))
        return nn.Dense(10)(x.mean(1))


class Recurrent(nn.Module):
    @nn.compact
    def __call__(self, x: Any, train: bool = True) -> Any:
        for _ in range(2):
            x = nn.RNN(nn.OptimizedLSTMCell(64))(x)
        return nn.Dense(10)(x[:, -1])


class Blocks(nn.Module):
    @nn.compact
    def __call__(self, x: Any, train: bool = True) -> Any:
        for _ in range(50):
            x = x + nn.relu(nn.Dense(32)(nn.LayerNorm(1e-3)(x)))
        return nn.Dense(2)(x)


class Resnet(nn.Module):
    @nn.compact
    def __call__(self, x: Any, train: bool = True) -> Any:
        norm = functools.partial(nn.BatchNorm, use_running_average=not train, momentum=0.99, epsilon=1e-3)
        conv = functools.partial(nn.Conv, use_bias=False, padding="SAME")
        x = nn.relu(norm()(conv(16, (3, 3))(x)))
        for stage, width in enumerate((16, 32, 64)):
            for block in range(2):
                stride = 2 if stage and not block else 1
                y = nn.relu(norm()(conv(width, (3, 3), strides=stride)(x)))
                y = norm()(conv(width, (3, 3))(y))
                if stride == 2:
                    x = norm()(conv(width, (1, 1), strides=2)(x))
                x = nn.relu(x + y)
        return nn.Dense(10)(x.mean((1, 2)))


MODELS = {
    "tiny": lambda: Mlp((32, 32, 2)),
    "mlp": lambda: Mlp((512, 512, 10), 0.2),
    "cnn": Cnn,
    "transformer": Transformer,
    "lstm": Recurrent,
    "blocks": Blocks,
    "resnet": Resnet,
}


def fit(workload: Any, compiled: bool) -> dict[str, float]:
    """Figures of training by hand; the data lies on the device, as a careful user has it."""
    x, y = (jnp.asarray(a) for a in workload.data(workload.batch * workload.steps))
    model = MODELS[workload.name]()
    keys = {"params": jax.random.key(0), "dropout": jax.random.key(1)}
    variables = jax.jit(model.init)(keys, x[: workload.batch])
    parameters, statistics = variables["params"], variables.get("batch_stats", {})
    optimizer = optax.adam(1e-3)
    state = optimizer.init(parameters)

    @functools.partial(jax.jit, donate_argnums=(0, 1, 2, 3))
    def step(parameters: Any, statistics: Any, state: Any, key: Any, rows: Any, x: Any, y: Any) -> Any:
        key, used = jax.random.split(key)

        def loss(parameters: Any) -> Any:
            logits, new = model.apply(
                {"params": parameters, "batch_stats": statistics},
                x[rows],
                rngs={"dropout": used},
                mutable=["batch_stats"],
            )
            return optax.softmax_cross_entropy_with_integer_labels(logits, y[rows]).mean(), new.get("batch_stats", {})

        (_, statistics_new), gradients = jax.value_and_grad(loss, has_aux=True)(parameters)
        updates, state = optimizer.update(gradients, state)
        return optax.apply_updates(parameters, updates), statistics_new, state, key

    started = time.perf_counter()
    carry = (parameters, statistics, state, jax.random.key(2))
    carry = jax.block_until_ready(step(*carry, jnp.arange(workload.batch), x, y))
    first = time.perf_counter() - started

    def epoch() -> None:
        nonlocal carry
        order = jnp.asarray(np.random.permutation(len(x)).reshape(workload.steps, workload.batch))
        for i in range(workload.steps):
            carry = step(*carry, order[i], x, y)
        jax.block_until_ready(carry[0])

    epoch()
    epoch()
    seconds = median_seconds(epoch, 3)
    return {"step_ms": seconds / workload.steps * 1e3, "first_s": first}

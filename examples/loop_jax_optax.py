"""A training loop in JAX's own terms: a pure forward pass, ``jax.value_and_grad``, ``jax.jit``, and optax or our optimizer.

All state is in the arguments: the values of the weights, of what isn't trained (moving averages, seeds of dropout) and of the
optimizer. Three trainings from one seed are compared: by optax, by one of our optimizers, and by ``fit``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from sklearn.datasets import load_digits

import triceras
from triceras import layers

RATE, MOMENTUM, BATCH, EPOCHS = 0.1, 0.9, 64, 6


def digits() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """1,280 digits to train on, 512 to test with."""
    x, y = load_digits(return_X_y=True)
    x, y = (x / 16.0).astype("float32"), y.astype("int32")
    return x[:1280], y[:1280], x[1280:1792], y[1280:1792]


def make() -> triceras.Model:
    """The same initial weights each time."""
    triceras.utils.set_random_seed(0)
    return triceras.Sequential(
        [
            triceras.Input((64,)),
            layers.Dense(64, "tanh"),
            layers.BatchNormalization(momentum=0.9),
            layers.Dropout(0.2),
            layers.Dense(10),
        ]
    )


def loop(model: triceras.Model, initial: Any, update: Callable[..., Any]) -> list[float]:
    """Train and put the values into the model; ``update(gradients, state, trainable) -> (trainable, state)``."""
    metric = triceras.metrics.SparseCategoricalAccuracy()

    def loss(trainable: Any, other: Any, x: Any, y: Any) -> Any:
        logits, other = model.stateless_call(trainable, other, x, training=True)
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), (logits, other)

    @jax.jit
    def step(trainable: Any, other: Any, state: Any, seen: Any, x: Any, y: Any) -> Any:
        (value, (logits, other)), gradients = jax.value_and_grad(loss, has_aux=True)(trainable, other, x, y)
        trainable, state = update(gradients, state, trainable)
        return trainable, other, state, metric.stateless_update_state(seen, y, logits), value

    x, y, _, _ = digits()
    trainable = [v.value for v in model.trainable_variables]
    other = [v.value for v in model.non_trainable_variables]
    state, losses = initial(trainable), []
    for _ in range(EPOCHS):
        seen, values = metric.stateless_reset_state(), []
        for i in range(0, len(x), BATCH):
            batch = x[i : i + BATCH], y[i : i + BATCH]
            trainable, other, state, seen, value = step(trainable, other, state, seen, *batch)
            values.append(value)  # stays on the device: nothing waits for it
        losses.append(float(jnp.stack(values).mean()))
    print("   last epoch's accuracy", f"{float(metric.stateless_result(seen)):.4f}")
    for variables, values in ((model.trainable_variables, trainable), (model.non_trainable_variables, other)):
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
    return losses


def with_optax(model: triceras.Model) -> list[float]:
    """Optax's rule; its state is its own."""
    rule = optax.sgd(RATE, momentum=MOMENTUM)

    def update(gradients: Any, state: Any, trainable: Any) -> Any:
        updates, state = rule.update(gradients, state, trainable)
        return optax.apply_updates(trainable, updates), state

    return loop(model, rule.init, update)


def with_ours(model: triceras.Model) -> list[float]:
    """Our optimizer as a pure function; its state is the values of its variables."""
    optimizer = triceras.optimizers.SGD(RATE, momentum=MOMENTUM)
    optimizer.build(model.trainable_variables)

    def update(gradients: Any, state: Any, trainable: Any) -> Any:
        return optimizer.stateless_apply(state, gradients, trainable)

    return loop(model, lambda _: [v.value for v in optimizer.variables], update)


def with_fit(model: triceras.Model) -> list[float]:
    """What ``fit`` makes of the same."""
    x, y, _, _ = digits()
    loss = triceras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(triceras.optimizers.SGD(RATE, momentum=MOMENTUM), loss)
    return model.fit(x, y, batch_size=BATCH, epochs=EPOCHS, shuffle=False, verbose=0).history["loss"]


def main() -> None:
    """Train three times, compare."""
    triceras.config.set_backend("jax")
    _, _, x, y = digits()
    weights = []
    for train in (with_optax, with_ours, with_fit):
        print(train.__name__)
        model = make()
        losses = train(model)
        accuracy = float((model.predict(x, verbose=0).argmax(-1) == y).mean())
        print("   loss by epoch", " ".join(f"{value:.4f}" for value in losses), f"  test accuracy {accuracy:.4f}")
        if losses[-1] > losses[0] / 4 or accuracy < 0.85:
            raise SystemExit(f"{train.__name__} didn't learn: {losses}, accuracy {accuracy}")
        weights.append(model.get_weights())
    for arrays in zip(*weights, strict=True):
        np.testing.assert_allclose(arrays[1], arrays[0], rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(arrays[2], arrays[0], rtol=1e-3, atol=1e-4)
    print("All three came to the same weights.")


if __name__ == "__main__":
    main()

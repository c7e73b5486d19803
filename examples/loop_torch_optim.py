"""A training loop in torch's own terms: the model is a ``torch.nn.Module``, trained by autograd and ``torch.optim``.

Three trainings from one seed are compared: by ``torch.optim``, by one of our optimizers, and by ``fit``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from sklearn.datasets import load_digits

import triceras
from triceras import layers

RATE, MOMENTUM, BATCH, EPOCHS = 0.1, 0.9, 64, 6
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"  # where a new layer's weights are


def digits() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """1,280 digits to train on, 512 to test with."""
    x, y = load_digits(return_X_y=True)
    x, y = (x / 16.0).astype("float32"), y.astype("int64")
    return x[:1280], y[:1280], x[1280:1792], y[1280:1792]


def make() -> triceras.Model:
    """The same initial weights each time; the layers' names are the keys of ``state_dict()``."""
    triceras.utils.set_random_seed(0)
    return triceras.Sequential(
        [
            triceras.Input((64,)),
            layers.Dense(64, "tanh", name="hidden"),
            layers.BatchNormalization(momentum=0.9, name="normalization"),
            layers.Dropout(0.2),
            layers.Dense(10, name="logits"),
        ]
    )


def loop(model: triceras.Model, update: Callable[[], None]) -> list[float]:
    """Train; ``update()`` changes the parameters by their ``grad``."""
    x, y, _, _ = digits()
    batches = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(torch.from_numpy(x), torch.from_numpy(y)), batch_size=BATCH
    )
    losses = []
    for _ in range(EPOCHS):
        model.train()  # dropout drops, batch normalization takes the batch's statistics
        values = []
        for images, labels in batches:
            model.zero_grad()
            value = torch.nn.functional.cross_entropy(model(images.to(DEVICE)), labels.to(DEVICE))
            value.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 100.0)
            update()
            values.append(value.detach())
        losses.append(torch.stack(values).mean().item())
    model.eval()
    return losses


def with_torch(model: triceras.Model) -> list[float]:
    """Torch's optimizer over the module's parameters."""
    optimizer = torch.optim.SGD(model.parameters(), RATE, MOMENTUM)
    return loop(model, optimizer.step)


def with_ours(model: triceras.Model) -> list[float]:
    """Our optimizer over the model's variables, whose values are those parameters."""
    optimizer = triceras.optimizers.SGD(RATE, momentum=MOMENTUM)
    weights = model.trainable_variables

    def update() -> None:
        optimizer.apply([weight.value.grad for weight in weights], weights)

    return loop(model, update)


def with_fit(model: triceras.Model) -> list[float]:
    """What ``fit`` makes of the same."""
    x, y, _, _ = digits()
    loss = triceras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(triceras.optimizers.SGD(RATE, momentum=MOMENTUM), loss)
    return model.fit(x, y, batch_size=BATCH, epochs=EPOCHS, shuffle=False, verbose=0).history["loss"]


def main() -> None:
    """Train three times, compare."""
    triceras.config.set_backend("torch")
    _, _, x, y = digits()
    states = []
    for train in (with_torch, with_ours, with_fit):
        model = make()
        losses = train(model)
        with torch.no_grad():
            accuracy = (model(torch.from_numpy(x).to(DEVICE)).argmax(-1).cpu().numpy() == y).mean()
        print(f"{train.__name__:<10}", " ".join(f"{value:.4f}" for value in losses), f"  test accuracy {accuracy:.4f}")
        if losses[-1] > losses[0] / 4 or accuracy < 0.85:
            raise SystemExit(f"{train.__name__} didn't learn: {losses}, accuracy {accuracy}")
        states.append(model.state_dict())
    for name in states[0]:
        for state in states[1:]:
            np.testing.assert_allclose(state[name].cpu(), states[0][name].cpu(), rtol=1e-3, atol=1e-4, err_msg=name)
    other = make()
    other.load_state_dict(states[0])
    for variable, name in zip(other.weights, states[0], strict=True):
        np.testing.assert_array_equal(variable.numpy(), states[0][name].cpu())
    print("All three came to the same weights:", ", ".join(states[0]))


if __name__ == "__main__":
    main()

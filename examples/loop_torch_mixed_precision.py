"""Mixed precision under torch, in two ways: ``torch.autocast``, and a dtype policy of ours.

Autocast chooses a dtype for each of torch's own operations while it is on; a policy says in what a layer computes, on every
backend alike. Either way weights stay float32, and so do gradients and updates. On a CPU the narrow dtype is bfloat16, which
needs no scaling of the loss; on CUDA, float16 with ``GradScaler`` is the same loop, which the scaler switches by ``enabled``.
"""

from __future__ import annotations

import numpy as np
import torch
from sklearn.datasets import load_digits

import triceras
from triceras import layers

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
NARROW = torch.float16 if DEVICE == "cuda" else torch.bfloat16


def digits() -> tuple[torch.Tensor, torch.Tensor]:
    """1,792 digits, on the device where new layers are."""
    x, y = load_digits(return_X_y=True)
    x, y = (x / 16.0).astype("float32")[:1792], y.astype("int64")[:1792]
    return torch.from_numpy(x).to(DEVICE), torch.from_numpy(y).to(DEVICE)


def make(policy: str) -> triceras.Model:
    """The same initial weights each time; all layers but the last compute as the policy says."""
    triceras.utils.set_random_seed(0)
    return triceras.Sequential(
        [
            triceras.Input((64,)),
            layers.Dense(128, "tanh", dtype=policy),
            layers.LayerNormalization(dtype=policy),
            layers.Dropout(0.2, dtype=policy),
            layers.Dense(10, dtype="float32"),
        ]
    )


def train(model: triceras.Model, autocast: bool) -> list[float]:
    """Six epochs; losses by epoch."""
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    scaler = torch.amp.GradScaler(DEVICE, enabled=autocast and NARROW is torch.float16)
    x, y = digits()
    model.train()
    losses = []
    for _ in range(6):
        values = []
        for i in range(0, 1280, 64):
            optimizer.zero_grad()
            with torch.autocast(DEVICE, dtype=NARROW, enabled=autocast):
                value = torch.nn.functional.cross_entropy(model(x[i : i + 64]), y[i : i + 64])
            scaler.scale(value).backward()  # backward() runs outside of autocast
            scaler.step(optimizer)
            scaler.update()
            values.append(value.detach())
        losses.append(torch.stack(values).mean().item())
    model.eval()
    return losses


def hidden_dtype(model: triceras.Model, autocast: bool) -> torch.dtype:
    """What the first layer returns."""
    with torch.no_grad(), torch.autocast(DEVICE, dtype=NARROW, enabled=autocast):
        return model.layers[0](digits()[0][:1]).dtype


def main() -> None:
    """Train in float32 and in both ways of mixed precision, compare."""
    triceras.config.set_backend("torch")
    x, y = digits()
    results = {}
    for name, policy, autocast in (
        ("float32", "float32", False),
        ("autocast", "float32", True),
        ("policy", "mixed_bfloat16", False),
    ):
        model = make(policy)
        losses = results[name] = train(model, autocast)
        with torch.no_grad():
            accuracy = (model(x[1280:]).argmax(-1) == y[1280:]).float().mean().item()
        dtype = hidden_dtype(model, autocast)
        print(f"{name:<9}", " ".join(f"{value:.4f}" for value in losses), f"  accuracy {accuracy:.4f}, hidden {dtype}")
        if losses[-1] > losses[0] / 4 or accuracy < 0.85:
            raise SystemExit(f"{name} didn't learn: {losses}, accuracy {accuracy}")
        expected = {"float32": torch.float32, "autocast": NARROW, "policy": torch.bfloat16}[name]
        if dtype != expected or any(p.dtype != torch.float32 for p in model.parameters()):
            raise SystemExit(f"{name}: expected hidden values in {expected} and weights in float32, got {dtype}")
    for name in ("autocast", "policy"):  # eight bits of mantissa change the figures, not the course
        np.testing.assert_allclose(results[name], results["float32"], rtol=0.1)
        if results[name] == results["float32"]:
            raise SystemExit(f"{name} didn't change any figure, so it wasn't on")
    print("Mixed precision learned as float32 did, with weights in float32.")


if __name__ == "__main__":
    main()

"""Data parallelism in torch: two processes, each with its part of every batch, in ``DistributedDataParallel``.

The model is a ``torch.nn.Module``, so it is wrapped as any other. The processes find one another by a file and talk over gloo.
One process with whole batches must come to the same weights.
"""

from __future__ import annotations

import pathlib
import tempfile

import numpy as np
import torch
import torch.distributed
import torch.multiprocessing
from sklearn.datasets import load_digits

import triceras
from triceras import layers

PROCESSES, BATCH, EPOCHS = 2, 64, 6


def digits() -> tuple[torch.Tensor, torch.Tensor]:
    """1,280 digits."""
    x, y = load_digits(return_X_y=True)
    return torch.from_numpy((x / 16.0).astype("float32")[:1280]), torch.from_numpy(y.astype("int64")[:1280])


def make(seed: int) -> triceras.Model:
    """A model; the layers' names are the keys of its ``state_dict()``."""
    triceras.config.set_backend("torch")
    triceras.utils.set_random_seed(seed)
    model = triceras.Sequential(
        [
            triceras.Input((64,)),
            layers.Dense(64, "tanh", name="hidden"),
            layers.LayerNormalization(name="normalization"),
            layers.Dense(10, name="logits"),
        ]
    )
    return model.to("cpu")  # where gloo works; a new layer's weights are on the GPU where there is one


def train(module: torch.nn.Module, rank: int = 0, processes: int = 1) -> list[float]:
    """Train on every ``processes``-th row of each batch; losses by epoch."""
    x, y = digits()
    optimizer = torch.optim.Adam(module.parameters(), lr=3e-3)
    module.train()
    losses = []
    for _ in range(EPOCHS):
        values = []
        for i in range(0, len(x), BATCH):
            rows = slice(i + rank, i + BATCH, processes)
            optimizer.zero_grad()
            value = torch.nn.functional.cross_entropy(module(x[rows]), y[rows])
            value.backward()  # DistributedDataParallel averages the gradients over the processes meanwhile
            optimizer.step()
            values.append(value.detach())
        total = torch.stack(values).mean()
        if processes > 1:
            torch.distributed.all_reduce(total)
        losses.append(total.item() / processes)
    return losses


def work(rank: int, folder: str) -> None:
    """What each process does."""
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=PROCESSES)
    torch.set_num_threads(1)
    # Another seed in each process, so that dropout would differ; the wrapper gives all of them the weights of the first.
    module = torch.nn.parallel.DistributedDataParallel(make(seed=rank))
    losses = train(module, rank, PROCESSES)
    torch.save(module.module.state_dict(), f"{folder}/weights{rank}.pt")
    if rank == 0:
        torch.save(losses, f"{folder}/losses.pt")
    torch.distributed.destroy_process_group()


def main() -> None:
    """Train in two processes and in one, compare."""
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.spawn(work, (folder,), nprocs=PROCESSES)
        states = [torch.load(pathlib.Path(folder, f"weights{rank}.pt")) for rank in range(PROCESSES)]
        losses = torch.load(pathlib.Path(folder, "losses.pt"))
    model = make(seed=0)
    expected = train(model)
    print("two processes", " ".join(f"{value:.4f}" for value in losses))
    print("one process  ", " ".join(f"{value:.4f}" for value in expected))
    if losses[-1] > losses[0] / 4:
        raise SystemExit(f"It didn't learn: {losses}")
    np.testing.assert_allclose(losses, expected, rtol=1e-3)
    for name, tensor in model.state_dict().items():
        np.testing.assert_array_equal(states[1][name], states[0][name], err_msg=name)
        np.testing.assert_allclose(states[0][name], tensor, rtol=1e-3, atol=1e-3, err_msg=name)
    model.load_state_dict(states[0])
    model.eval()
    x, y = digits()
    print(f"accuracy {(model(x).argmax(-1) == y).float().mean().item():.4f}")
    print("Two processes came to the weights of one.")


if __name__ == "__main__":
    main()

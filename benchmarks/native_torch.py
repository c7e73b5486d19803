"""The workloads as a PyTorch user writes them: ``nn.Module``, ``torch.optim``, a plain loop, eager or compiled."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from measure import median_seconds


class Block(nn.Module):
    """A pre-norm transformer block."""

    def __init__(self, width: int = 128, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width, 1e-3), nn.LayerNorm(width, 1e-3)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 512), nn.Linear(512, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        b, t, d = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, t, d)
        x = x + self.out(attended)
        return x + self.down(functional.gelu(self.up(self.norm2(x))))


class Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(1000, 128)
        self.blocks = nn.Sequential(*[Block() for _ in range(4)])
        self.head = nn.Linear(128, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.blocks(self.embedding(x)).mean(1))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(32, 64, 2, batch_first=True)
        self.head = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.lstm(x)[0][:, -1])


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm, self.dense = nn.LayerNorm(32, 1e-3), nn.Linear(32, 32)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.relu(self.dense(self.norm(x)))


class ResidualConv(nn.Module):
    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.norm1, self.norm2 = nn.BatchNorm2d(outside), nn.BatchNorm2d(outside)
        self.skip = nn.Identity()
        if stride == 2:
            self.skip = nn.Sequential(nn.Conv2d(inside, outside, 1, 2, bias=False), nn.BatchNorm2d(outside))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm2(self.conv2(torch.relu(self.norm1(self.conv1(x)))))
        return torch.relu(self.skip(x) + y)


class ChannelsFirst(nn.Module):
    """Images come with channels last, as the other implementations get them."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.permute(0, 3, 1, 2)


def resnet() -> nn.Module:
    layers: list[nn.Module] = [ChannelsFirst(), nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    inside = 16
    for stage, width in enumerate((16, 32, 64)):
        for block in range(2):
            layers.append(ResidualConv(inside, width, 2 if stage and not block else 1))
            inside = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def cnn() -> nn.Module:
    convolutions = [nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(ChannelsFirst(), *convolutions, nn.Flatten(), nn.Dropout(0.5), nn.Linear(1600, 10))


MODELS = {
    "tiny": lambda: nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2)),
    "mlp": lambda: nn.Sequential(
        nn.Linear(784, 512),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(512, 512),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(512, 10),
    ),
    "cnn": cnn,
    "transformer": Transformer,
    "lstm": Recurrent,
    "blocks": lambda: nn.Sequential(*[Residual() for _ in range(50)], nn.Linear(32, 2)),
    "resnet": resnet,
}


def fit(workload: Any, compiled: bool) -> dict[str, float]:
    """Figures of training by hand."""
    x, y = (torch.from_numpy(a) for a in workload.data(workload.batch * workload.steps))
    y = y.long()
    torch.manual_seed(0)
    model = MODELS[workload.name]()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    model.train()

    def step(xb: torch.Tensor, yb: torch.Tensor) -> None:
        optimizer.zero_grad()
        functional.cross_entropy(model(xb), yb).backward()
        optimizer.step()

    run = torch.compile(step) if compiled else step
    started = time.perf_counter()
    run(x[: workload.batch], y[: workload.batch])
    first = time.perf_counter() - started

    def epoch() -> None:
        order = torch.from_numpy(np.random.permutation(len(x)))
        for i in range(workload.steps):
            rows = order[i * workload.batch : (i + 1) * workload.batch]
            run(x[rows], y[rows])

    epoch()
    epoch()
    seconds = median_seconds(epoch, 3)
    return {"step_ms": seconds / workload.steps * 1e3, "first_s": first}


def call(workload: Any, compiled: bool) -> dict[str, float]:
    """The time of an eager call for one row."""
    x = torch.from_numpy(workload.data(1)[0])
    model = MODELS[workload.name]().eval()
    with torch.no_grad():
        for _ in range(20):
            model(x)
        return {"call_us": median_seconds(lambda: model(x), 300) * 1e6}

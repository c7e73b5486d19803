"""Small parts of each framework, with values that are the same each time."""

from __future__ import annotations

from typing import Any

import numpy as np


def values(*shape: int) -> np.ndarray:
    """Numbers between −1 and 1, none alike."""
    return np.linspace(-1.0, 1.0, int(np.prod(shape)), dtype="float32").reshape(shape)


def torch_net() -> Any:
    """A layer, batch normalization and another layer."""
    import torch

    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.from_numpy(values(*parameter.shape)))
    return module


def linear_map(params: Any, inputs: Any) -> Any:
    """A linear map."""
    return inputs @ params["kernel"] + params["biases"][0]


def linear_map_init(rng: Any, inputs: Any) -> Any:
    """Its parameters."""
    import jax

    return {"kernel": jax.random.normal(rng, (inputs.shape[-1], 2)), "biases": [jax.numpy.ones(2)]}


FUNCTIONS = {"linear_map": linear_map, "linear_map_init": linear_map_init}


def linen_net(rate: float = 0.0) -> Any:
    """A layer, batch normalization, dropout and another layer."""
    from tests.layers.foreign_flax import LinenNet

    return LinenNet(rate=rate)


def nnx_net(rate: float = 0.0) -> Any:
    """The same."""
    from flax import nnx

    from tests.layers.foreign_flax import NnxNet

    return NnxNet(rate, rngs=nnx.Rngs(0))


def tf_net() -> Any:
    """A linear map that counts its calls."""
    from tests.layers.foreign_tf import TFNet

    return TFNet()

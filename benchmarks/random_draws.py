"""Draws of every distribution against the framework's own generator.

    python benchmarks/random_draws.py [BACKEND …] [--draws gamma …] [--count 1000000]

Eager calls, and compiled ones (``jax.jit``, ``tf.function``; torch eager only). Ours and theirs take turns in one process; a
figure is the least time of a draw, the ratio the median of the rounds'. Prints
draw | backend | mode | ours ms | native ms | ratio.
"""

from __future__ import annotations

import argparse
import importlib
import os
import pathlib
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

import triceras
from triceras import ops
from triceras.random.seed import draw_key

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from heavy_ops import compare

CLASSES = 16


def ours(count: int, x: Any, logits: Any) -> dict[str, Callable[[Any], Any]]:
    """Draws by a seed."""
    from triceras import random as r

    shape = (count,)
    return {
        "uniform": lambda seed: r.uniform(shape, seed=seed),
        "normal": lambda seed: r.normal(shape, seed=seed),
        "truncated_normal": lambda seed: r.truncated_normal(shape, seed=seed),
        "randint": lambda seed: r.randint(shape, 0, 1000, seed=seed),
        "categorical": lambda seed: r.categorical(logits, count // CLASSES, seed=seed),
        "dropout": lambda seed: r.dropout(x, 0.3, seed=seed),
        "gamma": lambda seed: r.gamma(shape, 2.5, seed=seed),
        "gamma small": lambda seed: r.gamma(shape, 0.3, seed=seed),
        "beta": lambda seed: r.beta(shape, 2.0, 5.0, seed=seed),
        "binomial few": lambda seed: r.binomial(shape, 10, 0.3, seed=seed),
        "binomial many": lambda seed: r.binomial(shape, 1000, 0.3, seed=seed),
        "shuffle": lambda seed: r.shuffle(x, seed=seed),
    }


def jax_draws(count: int, x: Any, logits: Any) -> dict[str, Callable[[Any], Any]]:
    import jax
    import jax.numpy as jnp

    r, shape = jax.random, (count,)
    return {
        "uniform": lambda key: r.uniform(key, shape),
        "normal": lambda key: r.normal(key, shape),
        "truncated_normal": lambda key: r.truncated_normal(key, -2.0, 2.0, shape),
        "randint": lambda key: r.randint(key, shape, 0, 1000),
        "categorical": lambda key: r.categorical(key, logits[0], shape=(count // CLASSES,)),
        "dropout": lambda key: jnp.where(r.bernoulli(key, 0.7, shape), x / 0.7, 0.0),
        "gamma": lambda key: r.gamma(key, 2.5, shape),
        "gamma small": lambda key: r.gamma(key, 0.3, shape),
        "beta": lambda key: r.beta(key, 2.0, 5.0, shape),
        "binomial few": lambda key: r.binomial(key, 10.0, 0.3, shape),
        "binomial many": lambda key: r.binomial(key, 1000.0, 0.3, shape),
        "shuffle": lambda key: r.permutation(key, x),
    }


def torch_draws(count: int, x: Any, logits: Any) -> dict[str, Callable[[Any], Any]]:
    import torch

    two, five, small = (torch.full((count,), value) for value in (2.5, 5.0, 0.3))
    few, many = torch.full((count,), 10.0), torch.full((count,), 1000.0)
    probabilities = torch.softmax(logits, -1)
    return {
        "uniform": lambda _: torch.rand(count),
        "normal": lambda _: torch.randn(count),
        "truncated_normal": lambda _: torch.nn.init.trunc_normal_(torch.empty(count)),
        "randint": lambda _: torch.randint(0, 1000, (count,), dtype=torch.int32),
        "categorical": lambda _: torch.multinomial(probabilities, count // CLASSES, replacement=True),
        "dropout": lambda _: torch.nn.functional.dropout(x, 0.3),
        "gamma": lambda _: torch._standard_gamma(two),
        "gamma small": lambda _: torch._standard_gamma(small),
        "beta": lambda _: torch.distributions.Beta(two, five).sample(),
        "binomial few": lambda _: torch.binomial(few, small),
        "binomial many": lambda _: torch.binomial(many, small),
        "shuffle": lambda _: x[torch.randperm(count)],
    }


def tensorflow_draws(count: int, x: Any, logits: Any) -> dict[str, Callable[[Any], Any]]:
    import tensorflow as tf

    r, shape = tf.random, (count,)

    def beta(_: Any) -> Any:
        a, b = r.gamma(shape, 2.0), r.gamma(shape, 5.0)
        return a / (a + b)

    def binomial(counts: float) -> Callable[[Any], Any]:
        seed = tf.constant([1, 2])
        return lambda _: r.stateless_binomial(shape, seed, counts, 0.3, tf.float32)

    return {
        "uniform": lambda _: r.uniform(shape),
        "normal": lambda _: r.normal(shape),
        "truncated_normal": lambda _: r.truncated_normal(shape),
        "randint": lambda _: r.uniform(shape, 0, 1000, tf.int32),
        "categorical": lambda _: r.categorical(logits, count // CLASSES),
        "dropout": lambda _: tf.nn.dropout(x, 0.3),
        "gamma": lambda _: r.gamma(shape, 2.5),
        "gamma small": lambda _: r.gamma(shape, 0.3),
        "beta": beta,
        "binomial few": binomial(10.0),
        "binomial many": binomial(1000.0),
        "shuffle": lambda _: r.shuffle(x),
    }


NATIVE = {"jax": jax_draws, "torch": torch_draws, "tensorflow": tensorflow_draws}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("backends", nargs="*", default=("jax", "torch", "tensorflow"))
    parser.add_argument("--draws", nargs="+")
    parser.add_argument("--count", type=int, default=1_000_000)
    arguments = parser.parse_args()
    print("draw | backend | mode | ours ms | native ms | ratio")
    for backend in arguments.backends:
        with triceras.backend_scope(backend):
            measure(backend, arguments.count, arguments.draws)


def measure(backend: str, count: int, wanted: list[str] | None) -> None:
    """Print the lines of a backend."""
    module = importlib.import_module(f"heavy_{backend}")
    x = ops.ones((count,))
    logits = ops.convert_to_tensor(np.log(np.arange(1.0, CLASSES + 1))[None].astype("float32"))
    native = NATIVE[backend](count, x, logits)
    key = draw_key(1)
    their_key = importlib.import_module("jax").random.key(1) if backend == "jax" else None
    for name, draw in ours(count, x, logits).items():
        if wanted and name not in wanted:
            continue
        for mode, change in (("eager", lambda f: f), ("compiled", module.compiled)):
            mine, theirs = change(draw), change(native[name])
            if mine is not None:
                calls = (lambda f=mine: module.sync(f(key))), (lambda f=theirs: module.sync(f(their_key)))
                a, b, ratio = compare(*calls)
                print(f"{name} | {backend} | {mode} | {a / 1e3:.2f} | {b / 1e3:.2f} | {ratio:.2f}", flush=True)


if __name__ == "__main__":
    main()

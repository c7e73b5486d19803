"""Heavy ops against the framework's own call for the same, as a user of that framework writes it.

    python benchmarks/heavy_ops.py [BACKEND …] [--ops conv2d …] [--sizes small large] [--modes eager gradient …]

Modes: ``eager`` and ``gradient`` (forward and backward, eagerly); ``compiled`` and ``compiled gradient`` under ``jax.jit`` or
``tf.function``. Ours and theirs take turns in short rounds in one process; a figure is the least time of a call, the ratio the
median of the rounds' ratios. Prints op | backend | size | mode | ours us | native us | ratio.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import os
import pathlib
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

BACKENDS = ("jax", "torch", "tensorflow")
MODES = ("eager", "gradient", "compiled", "compiled gradient")
ROUNDS, ROUND_SECONDS, MOST_SECONDS = 15, 0.004, 1.0


@dataclasses.dataclass(frozen=True)
class Integers:
    """Whole numbers from 0 to below ``high``; distinct ones of a column where ``distinct``."""

    shape: tuple[int, ...]
    high: int
    distinct: bool = False


@dataclasses.dataclass(frozen=True)
class Mask:
    """Booleans, most of them true."""

    shape: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Case:
    """An op, how it is called, and its inputs: a shape for standard normal ones."""

    call: Callable[..., Any]
    small: tuple[Any, ...]
    large: tuple[Any, ...]


def arrays(specs: tuple[Any, ...]) -> list[np.ndarray]:
    """Inputs on the host."""
    rng = np.random.default_rng(0)

    def make(spec: Any) -> np.ndarray:
        if isinstance(spec, Mask):
            return rng.random(spec.shape) < 0.8
        if isinstance(spec, Integers):
            drawn = (
                rng.permutation(spec.high)[: spec.shape[0]] if spec.distinct else rng.integers(0, spec.high, spec.shape)
            )
            return drawn.reshape(spec.shape).astype(np.int32)
        return np.abs(rng.normal(size=spec)).astype(np.float32)

    return [make(spec) for spec in specs]


def cases() -> dict[str, Case]:
    """The table."""
    from triceras import ops as o

    images, kernel = (2, 16, 16, 8), (3, 3, 8, 16)
    large_images, large_kernel = (8, 56, 56, 64), (3, 3, 64, 64)
    heads, large_heads = ((2, 16, 2, 8),) * 3, ((8, 256, 8, 64),) * 3
    rows, large_rows = (32, 64), (512, 4096)
    pictures, large_pictures = (1, 16, 16, 3), (8, 128, 128, 3)

    def conv(**options: Any) -> Callable[..., Any]:
        return lambda x, k: o.conv(x, k, **options)

    def einsum(subscripts: str) -> Callable[..., Any]:
        return lambda *operands: o.einsum(subscripts, *operands)

    return {
        "conv1d": Case(conv(), ((4, 64, 16), (3, 16, 32)), ((16, 1024, 64), (3, 64, 64))),
        "conv2d": Case(conv(), (images, kernel), (large_images, large_kernel)),
        "conv2d same": Case(conv(padding="same"), (images, kernel), (large_images, large_kernel)),
        "conv2d strided": Case(conv(strides=2, padding="same"), (images, kernel), (large_images, large_kernel)),
        "conv2d grouped": Case(conv(padding="same"), (images, (3, 3, 2, 16)), (large_images, (3, 3, 16, 64))),
        "conv2d rgb": Case(conv(padding="same"), (pictures, (3, 3, 3, 8)), (large_pictures, (3, 3, 3, 32))),
        "conv2d 1x1": Case(conv(), (images, (1, 1, 8, 16)), (large_images, (1, 1, 64, 64))),
        "conv3d": Case(conv(), ((1, 8, 8, 8, 4), (3, 3, 3, 4, 8)), ((2, 24, 24, 24, 16), (3, 3, 3, 16, 32))),
        "conv_transpose": Case(
            lambda x, k: o.conv_transpose(x, k, 2, "same"),
            ((2, 8, 8, 8), (4, 4, 16, 8)),
            ((8, 28, 28, 64), (4, 4, 32, 64)),
        ),
        "depthwise_conv": Case(
            lambda x, k: o.depthwise_conv(x, k, padding="same"),
            (images, (3, 3, 8, 1)),
            (large_images, (3, 3, 64, 1)),
        ),
        "separable_conv": Case(
            lambda x, k, p: o.separable_conv(x, k, p, padding="same"),
            (images, (3, 3, 8, 1), (1, 1, 8, 16)),
            (large_images, (3, 3, 64, 1), (1, 1, 64, 64)),
        ),
        "matmul": Case(o.matmul, ((32, 32), (32, 32)), ((512, 512), (512, 512))),
        "matmul batched": Case(o.matmul, ((4, 8, 16, 16),) * 2, ((16, 8, 128, 64), (16, 8, 64, 128))),
        "einsum scores": Case(einsum("bqhd,bkhd->bhqk"), heads[:2], large_heads[:2]),
        "einsum heads": Case(einsum("bld,dhk->blhk"), ((2, 16, 16), (16, 2, 8)), ((16, 128, 256), (256, 8, 32))),
        "einsum chain": Case(einsum("ab,bc,cd->ad"), ((16, 16),) * 3, ((256, 512), (512, 64), (64, 256))),
        "attention": Case(o.dot_product_attention, heads, large_heads),
        "attention mask": Case(
            lambda q, k, v, m: o.dot_product_attention(q, k, v, mask=m),
            (*heads, Mask((2, 1, 16, 16))),
            (*large_heads, Mask((8, 1, 256, 256))),
        ),
        "attention causal": Case(lambda q, k, v: o.dot_product_attention(q, k, v, is_causal=True), heads, large_heads),
        "max_pool": Case(lambda x: o.max_pool(x, 2), (images,), ((8, 112, 112, 32),)),
        "max_pool same": Case(lambda x: o.max_pool(x, 3, 2, "same"), (images,), ((8, 112, 112, 32),)),
        "average_pool": Case(lambda x: o.average_pool(x, 2), (images,), ((8, 112, 112, 32),)),
        "adaptive_average_pool": Case(lambda x: o.adaptive_average_pool(x, 7), ((2, 14, 14, 8),), (large_images,)),
        "adaptive_max_pool": Case(lambda x: o.adaptive_max_pool(x, 7), ((2, 14, 14, 8),), (large_images,)),
        "adaptive_average_pool uneven": Case(
            lambda x: o.adaptive_average_pool(x, 7), ((2, 16, 16, 8),), ((8, 60, 60, 64),)
        ),
        "sort": Case(o.sort, (rows,), (large_rows,)),
        "argsort": Case(o.argsort, (rows,), (large_rows,)),
        "top_k": Case(lambda x: o.top_k(x, 10), (rows,), (large_rows,)),
        "scatter": Case(
            lambda i, x: o.scatter(i, x, (2 * x.shape[0], x.shape[1])),
            (Integers((32, 1), 64), (32, 16)),
            (Integers((8192, 1), 16384), (8192, 128)),
        ),
        "scatter_update": Case(
            o.scatter_update,
            ((64, 16), Integers((32, 1), 64, True), (32, 16)),
            ((16384, 128), Integers((8192, 1), 16384, True), (8192, 128)),
        ),
        "slice_update": Case(lambda x, y: o.slice_update(x, (4, 4), y), ((32, 32), (8, 8)), ((2048, 1024), (512, 512))),
        "segment_sum": Case(
            lambda x, i: o.segment_sum(x, i, 16), ((64, 8), Integers((64,), 16)), ((16384, 64), Integers((16384,), 16))
        ),
        "take": Case(
            lambda x, i: o.take(x, i, 0), ((100, 16), Integers((64,), 100)), ((20000, 128), Integers((8192,), 20000))
        ),
        "stft": Case(lambda x: o.stft(x, 256, 128, 256), ((1, 1024),), ((16, 32768),)),
        "rfft": Case(o.rfft, ((8, 64),), ((64, 8192),)),
        "resize bilinear": Case(lambda x: o.image.resize(x, (224, 224)), (pictures,), (large_pictures,)),
        "resize nearest": Case(lambda x: o.image.resize(x, (224, 224), "nearest"), (pictures,), (large_pictures,)),
        "softmax": Case(o.softmax, (rows,), (large_rows,)),
        "layer_normalization": Case(
            lambda x, g, b: o.layer_normalization(x, g, b, epsilon=1e-3),
            (rows, (64,), (64,)),
            ((4096, 512), (512,), (512,)),
        ),
        "batch_normalization": Case(
            lambda x, m, v, b, g: o.batch_normalization(x, m, v, -1, b, g),
            (images, *((8,),) * 4),
            (large_images, *((64,),) * 4),
        ),
        "cumsum": Case(lambda x: o.cumsum(x, -1), (rows,), (large_rows,)),
        "logsumexp": Case(lambda x: o.logsumexp(x, -1), (rows,), (large_rows,)),
    }


def _seconds(call: Callable[[], Any], count: int) -> float:
    started = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - started) / count


def compare(ours: Callable[[], Any], native: Callable[[], Any]) -> tuple[float, float, float]:
    """The least microseconds of a call of each, and the median of the ratios."""
    for call in (ours, native):
        call()
        call()
    once = max(min(_seconds(native, 1) for _ in range(3)), 1e-7)
    count = max(1, round(ROUND_SECONDS / once))
    pairs = []
    started = time.perf_counter()
    while len(pairs) < ROUNDS and (len(pairs) < 5 or time.perf_counter() - started < MOST_SECONDS):
        pairs.append((_seconds(ours, count), _seconds(native, count)))
    best = [min(times) * 1e6 for times in zip(*pairs, strict=True)]
    return best[0], best[1], statistics.median(a / b for a, b in pairs)


def calls(module: Any, mode: str, function: Any, inputs: list[Any], floating: list[int]) -> Callable[[], Any] | None:
    """A call without arguments in a mode; None where there is none."""
    if mode in ("gradient", "compiled gradient"):
        make = module.gradient if mode == "gradient" else module.compiled_gradient
        run = make(function, inputs, floating)
    else:
        called = function if mode == "eager" else module.compiled(function)
        run = None if called is None else lambda: called(*inputs)
    return None if run is None else lambda: module.sync(run())


def compare_case(backend: str, name: str, size: str, mode: str, case: Case) -> tuple[float, float, float] | None:
    """One line's figures."""
    from triceras import ops

    module = importlib.import_module(f"heavy_{backend}")
    if name not in module.NATIVE:
        return None
    values = arrays(getattr(case, size))
    wide = backend == "torch"  # it indexes by int64
    ours = [ops.convert_to_tensor(v.astype(np.int64) if wide and v.dtype == np.int32 else v) for v in values]
    floating = [i for i, v in enumerate(values) if v.dtype == np.float32]
    if name == "batch_normalization":
        floating = [0, 3, 4]  # the statistics aren't learned
    if mode.endswith("gradient") and name in ("argsort",):
        return None
    mine = calls(module, mode, case.call, ours, floating)
    native = calls(module, mode, module.NATIVE[name], module.prepare(name, values), floating)
    return None if mine is None or native is None else compare(mine, native)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("backends", nargs="*", default=BACKENDS)
    parser.add_argument("--ops", nargs="+")
    parser.add_argument("--sizes", nargs="+", default=("small", "large"))
    parser.add_argument("--modes", nargs="+", default=MODES)
    arguments = parser.parse_args()
    import triceras

    print("op | backend | size | mode | ours us | native us | ratio")
    for backend in arguments.backends:
        with triceras.backend_scope(backend):
            for name, case in cases().items():
                for size in arguments.sizes:
                    for mode in arguments.modes:
                        if arguments.ops and name not in arguments.ops:
                            continue
                        figures = compare_case(backend, name, size, mode, case)
                        if figures is not None:
                            cells = f"{figures[0]:.1f} | {figures[1]:.1f} | {figures[2]:.2f}"
                            print(f"{name} | {backend} | {size} | {mode} | {cells}", flush=True)


if __name__ == "__main__":
    main()

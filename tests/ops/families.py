"""All families of cases: what is held against NumPy and SciPy on every backend."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.ops import cases, cases_extremes, cases_nn, cases_numeric, cases_positions, cases_windows

FAMILIES: dict[str, Callable[[], Iterator[cases.Case]]] = {
    "unary": cases.unary,
    "binary": cases.binary,
    "reductions": cases.reductions,
    "shaped": cases.shaped,
    "joined": cases.joined,
    "products": cases.products,
    "casts": cases.casts,
    "extremes": cases_extremes.extremes,
    "convolutions": cases_windows.convolutions,
    "separable": cases_windows.separable,
    "transposed": cases_windows.transposed,
    "pools": cases_windows.pools,
    "normalizations": cases_nn.normalizations,
    "softmaxes": cases_nn.softmaxes,
    "attention": cases_nn.attention,
    "encodings": cases_nn.encodings,
    "segments": cases_nn.segments,
    "losses": cases_nn.losses,
    "transforms": cases_numeric.transforms,
    "spectrograms": cases_numeric.spectrograms,
    "linear_algebra": cases_numeric.linear_algebra,
    "positions": cases_positions.positions,
    "orders": cases_positions.orders,
    "control_flow": cases_positions.control_flow,
}

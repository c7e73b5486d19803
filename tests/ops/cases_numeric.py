"""Cases of Fourier transforms and linear algebra, against NumPy and SciPy; factorizations by what they multiply to."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy import linalg

from tests.ops.cases import Case, values
from tests.ops.rows_fourier import _istft, _stft

#: Two halves in turn, so that a case has a single dtype in its name.
SIGNALS = ((8,), (7,), (2, 6), (2, 1), (0, 4), (3, 2, 5), (300,))
SLACK = 20.0


def _parts(x: Any) -> tuple[np.ndarray, np.ndarray]:
    return np.real(x), np.imag(x)


def _of_parts(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, **kwargs: _parts(function(x[0] + 1j * x[1], **kwargs))


def transforms() -> Iterator[Case]:
    """Powers of two and other lengths, real and complex, cut and padded."""
    for shape in SIGNALS:
        x, y = values(shape, "float32"), values(shape, "float32", seed=1)
        what, repeated = f"float32 {shape}", shape not in SIGNALS[:3]
        yield Case("fft", ((x, y),), {}, _of_parts(np.fft.fft), what, SLACK, repeated)
        for length in (None, 4, 9):
            kwargs = {"fft_length": length}
            reference = lambda x, fft_length: _parts(np.fft.rfft(x, fft_length))
            yield Case("rfft", (x,), kwargs, reference, f"{what} {length}", SLACK, repeated)
            if shape[-1] > 1 or length:
                inverse = lambda x, fft_length: np.fft.irfft(x[0] + 1j * x[1], fft_length)
                yield Case("irfft", ((x, y),), kwargs, inverse, f"{what} {length}", SLACK, repeated)
        if len(shape) > 1 and shape[-2]:
            yield Case("fft2", ((x, y),), {}, _of_parts(np.fft.fft2), what, SLACK, repeated)
            yield Case("ifft2", ((x, y),), {}, _of_parts(np.fft.ifft2), what, SLACK, repeated)


def spectrograms() -> Iterator[Case]:
    """Windows of several kinds and lengths, and back."""
    signal = values((2, 50), "float32", -1, 1)
    settings = itertools.product(((8, 4, 8), (8, 3, 16), (7, 3, 8)), ("hann", "hamming", None), (True, False))
    for lengths, window, center in settings:
        kwargs = {"window": window, "center": center}
        repeated = (lengths, window) != ((8, 4, 8), "hann")
        what = f"float32 {lengths} {kwargs}"
        yield Case("stft", (signal, *lengths), kwargs, _stft, what, SLACK, repeated)
        spectrum = tuple(p.astype("float32") for p in _stft(signal, *lengths, window, center))
        if center and window != "hann":
            yield Case("istft", (spectrum, *lengths, 40), kwargs, _istft, what, 4 * SLACK, repeated)


def _matrix(*shape: int, seed: int = 0) -> np.ndarray:
    return (values(shape, "float32", -1, 1, seed) + 2 * np.eye(*shape[-2:])).astype("float32")


def _definite(*shape: int) -> np.ndarray:
    a = _matrix(*shape).astype("float64")
    return (a @ np.swapaxes(a, -1, -2) + np.eye(shape[-1])).astype("float32")


def _solve(a: Any, b: Any) -> Any:
    return np.linalg.solve(a, b[..., None])[..., 0] if b.ndim < a.ndim else np.linalg.solve(a, b)


def _triangular(a: Any, b: Any, lower: bool = False) -> Any:
    return np.linalg.solve(np.tril(a) if lower else np.triu(a), b)


SQUARES = ((3, 3), (2, 4, 4), (1, 1), (0, 3, 3), (20, 20))


def linear_algebra() -> Iterator[Case]:
    """Single matrices and batches, of one element, of none, larger."""
    for i, shape in enumerate(SQUARES):
        x, definite, repeated, what = _matrix(*shape), _definite(*shape), i > 1, f"float32 {shape}"
        b = values((*shape[:-1], 2), "float32", seed=2)
        for op in ("det", "inv", "pinv", "slogdet", "eigh"):
            if op != "eigh":
                yield Case(op, (x,), {}, getattr(np.linalg, op), what, 200, repeated)
        yield Case("cholesky", (definite,), {}, np.linalg.cholesky, what, 50, repeated)
        upper = lambda x, upper: np.swapaxes(np.linalg.cholesky(x), -1, -2)
        yield Case("cholesky", (definite,), {"upper": True}, upper, what, 50, repeated)
        yield Case("solve", (x, b), {}, _solve, what, 100, repeated)
        yield Case("solve_triangular", (x, b), {"lower": True}, _triangular, what, 100, repeated)
        yield Case("logdet", (definite,), {}, lambda x: np.linalg.slogdet(x)[1], what, 50, repeated)
        singular = lambda x, compute_uv: np.linalg.svd(x, compute_uv=False)
        yield Case("svd", (x,), {"compute_uv": False}, singular, what, 50, repeated)
    for order, axis in itertools.product((None, 1, 2, np.inf, -np.inf, 3), (0, -1)):
        kwargs = {"ord": order, "axis": axis}
        yield Case("norm", (values((3, 4), "float32"),), kwargs, np.linalg.norm, f"float32 {kwargs}", 5, axis == 0)
    for order in ("fro", "nuc", 1, -1, 2, -2, np.inf):
        kwargs = {"ord": order, "axis": (0, 1)}
        yield Case("norm", (values((3, 4), "float32"),), kwargs, np.linalg.norm, f"float32 {kwargs}", 50)
    tall = _matrix(5, 3)
    yield Case("lstsq", (tall, tall[:, 0]), {}, lambda a, b: linalg.lstsq(a, b)[0], "float32 (5, 3)", 100)
    yield Case("matrix_rank", (np.ones((3, 3), "float32"),), {}, np.linalg.matrix_rank, "float32 of ones")


#: Op -> what multiplies its results to the matrix.
PRODUCTS: dict[str, Callable[..., Any]] = {
    "qr": lambda q, r: q @ r,
    "svd": lambda u, s, v: (u[..., : s.shape[-1]] * s[..., None, :]) @ v[..., : s.shape[-1], :],
    "eigh": lambda w, v: (v * w[..., None, :]) @ np.swapaxes(v, -1, -2),
}


def factorizations() -> Iterator[tuple[Case, Callable[..., Any]]]:
    """Calls whose results have a sign or an order of their own, with what they multiply to."""
    for shape, op in itertools.product((*SQUARES[:3], (5, 3), (3, 5), (2, 4, 3)), PRODUCTS):
        if op == "eigh" and shape[-1] != shape[-2]:
            continue
        x = _definite(*shape) if op == "eigh" else _matrix(*shape)
        yield Case(op, (x,), {}, lambda x: x, f"float32 {shape}", 50), PRODUCTS[op]

"""Factorizations that are unique only up to signs and order: what they make up is compared."""

from __future__ import annotations

import numpy as np
import pytest

from tests.ops.table import normal
from triceras import ops
from triceras.graph import KerasTensor

MATRICES = normal(2, 4, 3)
SYMMETRIC = normal(2, 4, 4) + np.swapaxes(normal(2, 4, 4), -1, -2)


def _tensor(x: np.ndarray) -> object:
    return ops.convert_to_tensor(x.astype("float32"))


def _host(values: object) -> list[np.ndarray]:
    return [ops.convert_to_numpy(v) for v in values]  # type: ignore[attr-defined]


@pytest.mark.parametrize("mode", ["reduced", "complete"])
def test_qr(backend: object, mode: str) -> None:
    q, r = _host(ops.qr(_tensor(MATRICES), mode))
    specs = ops.qr(KerasTensor(MATRICES.shape), mode)
    assert [s.shape for s in specs] == [q.shape, r.shape]
    np.testing.assert_allclose(q @ r, MATRICES, atol=1e-5)
    np.testing.assert_allclose(
        np.swapaxes(q, -1, -2) @ q, np.broadcast_to(np.eye(q.shape[-1]), (2, *q.shape[-1:] * 2)), atol=1e-5
    )
    np.testing.assert_allclose(np.tril(r, -1), 0, atol=1e-5)


@pytest.mark.parametrize("full", [True, False])
def test_svd(backend: object, full: bool) -> None:
    u, s, vh = _host(ops.svd(_tensor(MATRICES), full))
    specs = ops.svd(KerasTensor(MATRICES.shape), full)
    assert [x.shape for x in specs] == [u.shape, s.shape, vh.shape]
    np.testing.assert_allclose(u[..., :3] * s[..., None, :] @ vh, MATRICES, atol=1e-5)


def test_eigh(backend: object) -> None:
    values, vectors = _host(ops.eigh(_tensor(SYMMETRIC)))
    assert [x.shape for x in ops.eigh(KerasTensor(SYMMETRIC.shape))] == [values.shape, vectors.shape]
    np.testing.assert_allclose(vectors * values[..., None, :] @ np.swapaxes(vectors, -1, -2), SYMMETRIC, atol=1e-5)


def test_eig(backend: object) -> None:
    values, vectors = _host(ops.eig(_tensor(SYMMETRIC + np.triu(np.ones((4, 4))))))
    assert values.dtype == vectors.dtype == np.complex64
    matrices = SYMMETRIC + np.triu(np.ones((4, 4)))
    np.testing.assert_allclose(matrices @ vectors, vectors * values[..., None, :], atol=1e-4)


def test_symbolic_shapes_need_square_matrices() -> None:
    with pytest.raises(ValueError, match=r"square matrices \(\.\.\., n, n\), received the shape \(2, 3\)"):
        ops.inv(KerasTensor((2, 3)))

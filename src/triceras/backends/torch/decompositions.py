"""Factorizations, in torch."""

from __future__ import annotations

from typing import Any

import torch


def _lu_factor(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    lu, pivots = torch.linalg.lu_factor(x)
    return lu, pivots.to(torch.int32) - 1


def _solve(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return torch.linalg.solve(a, b[..., None])[..., 0] if b.ndim == a.ndim - 1 else torch.linalg.solve(a, b)


def _solve_triangular(a: torch.Tensor, b: torch.Tensor, lower: bool = False) -> torch.Tensor:
    if b.ndim == a.ndim - 1:
        return torch.linalg.solve_triangular(a, b[..., None], upper=not lower)[..., 0]
    return torch.linalg.solve_triangular(a, b, upper=not lower)


def _svd(x: torch.Tensor, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    return tuple(torch.linalg.svd(x, full_matrices)) if compute_uv else torch.linalg.svdvals(x)


TABLE = {
    "cholesky": lambda x, upper=False: torch.linalg.cholesky(x, upper=upper),
    "inv": torch.linalg.inv,
    "det": torch.linalg.det,
    "slogdet": lambda x: tuple(torch.linalg.slogdet(x)),
    "qr": lambda x, mode="reduced": tuple(torch.linalg.qr(x, mode)),
    "svd": _svd,
    "eigh": lambda x: tuple(torch.linalg.eigh(x)),
    "eig": lambda x: tuple(torch.linalg.eig(x)),
    "lu_factor": _lu_factor,
    "solve": _solve,
    "solve_triangular": _solve_triangular,
}

"""The constants of the hash behind every draw, and its key schedule on the host. ``random/README.md`` tells its story."""

from __future__ import annotations

MASK = 0xFFFFFFFF
#: lowbias32 (Wellons 2018).
M1, M2 = 0x7FEB352D, 0x846CA68B
#: Two lanes of the key: ``A0 * B1 - A1 * B0`` is odd, so that different keys stay different.
A = (0x9E3779B1, 0xC2B2AE3D)
B = (0x85EBCA76, 0x27D4EB2F)
#: Digits of pi.
C = (0x243F6A88, 0x85A308D3)

#: Gamma numbers below it are told by their logarithms alone.
TINY = 1e-7


def schedule(k0: int, k1: int) -> tuple[int, int, int]:
    """The stride, the offset and the inner constant of a draw's sequence."""
    lanes = []
    for j in (0, 1):
        h = (k0 * A[j] + k1 * B[j] + C[j]) & MASK
        h = (h ^ h >> 16) * M1 & MASK
        h = (h ^ h >> 15) * M2 & MASK
        lanes.append(h ^ h >> 16)
    p, q = lanes
    return (p + q & MASK) | 1, q, p

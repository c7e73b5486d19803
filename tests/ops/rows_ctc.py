"""Rows for connectionist temporal classification's decoders, against all paths and against the definition."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from scipy.special import log_softmax, logsumexp

from tests.ops.table import normal, row

LOGITS = normal(3, 5, 4) * 2
LENGTHS = np.array([5, 3, 0], "int32")


def _read(path: Any, merge: bool, blank: int) -> tuple[int, ...]:
    """The labels that a path of classes stands for."""
    kept = [c for i, c in enumerate(path) if not merge or i == 0 or path[i - 1] != c]
    return tuple(int(c) for c in kept if c != blank)


def _greedy(
    x: np.ndarray, lengths: np.ndarray, *_: Any, merge_repeated: bool = True, mask_index: int = 0
) -> list[np.ndarray]:
    labels = np.full((1, *x.shape[:2]), -1)
    for i, (logits, n) in enumerate(zip(x, lengths, strict=True)):
        found = _read(logits[:n].argmax(-1), merge_repeated, mask_index % x.shape[2])
        labels[0, i, : len(found)] = found
    scores = [-logits[:n].max(-1).sum() for logits, n in zip(x, lengths, strict=True)]
    return [labels, np.array(scores)[:, None]]


def _all_paths(
    x: np.ndarray, lengths: np.ndarray, strategy: str, beam_width: int, top_paths: int, *, mask_index: int = 0
) -> list[np.ndarray]:
    """The likeliest sequences, their probabilities summed over every path there is."""
    classes = x.shape[2]
    labels = np.full((top_paths, *x.shape[:2]), -1)
    scores = np.full((len(x), top_paths), -np.inf)
    for i, (logits, n) in enumerate(zip(log_softmax(x, -1), lengths, strict=True)):
        paths: dict[tuple[int, ...], list[float]] = {}
        for path in itertools.product(range(classes), repeat=int(n)):
            total = sum(logits[t, c] for t, c in enumerate(path))
            paths.setdefault(_read(path, True, mask_index % classes), []).append(total)
        sums = {found: logsumexp(totals) for found, totals in paths.items()}
        best = sorted(sums, key=lambda found: -sums[found])[:top_paths]
        for k, found in enumerate(best):
            labels[k, i, : len(found)] = found
            scores[i, k] = sums[found]
    return [labels, scores]


#: A beam that keeps every sequence of these sizes: 1 + 3 + 9 + ... of them.
EVERY = 364

ROWS = [
    *(
        row("ctc_decode", LOGITS, LENGTHS, reference=_greedy, tolerance=3e-6, **options)
        for options in ({}, {"merge_repeated": False}, {"mask_index": 2}, {"mask_index": -1})
    ),
    row("ctc_decode", LOGITS.astype("int32"), LENGTHS, reference=_greedy),
    row("ctc_decode", LOGITS, LENGTHS, dtypes=("float16", "bfloat16")),
    *(
        row("ctc_decode", LOGITS, LENGTHS, "beam_search", EVERY, 4, reference=_all_paths, tolerance=1e-5, **options)
        for options in ({}, {"mask_index": -1})
    ),
    row("ctc_decode", normal(2, 9, 6), np.array([9, 7], "int32"), "beam_search", 7, 3, tolerance=1e-5),
]

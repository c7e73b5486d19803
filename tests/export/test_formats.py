"""Exported models compute the same in their own runtimes, in a process without this package, at several sizes."""

from __future__ import annotations

import pathlib

import pytest

from tests.export.matrix import SOURCES, export_all, read_back
from tests.export.readers import READERS
from tests.interop.twelve import MODELS


@pytest.mark.slow
@pytest.mark.parametrize("kind", READERS)
def test_runtimes_compute_the_same(kind: str, tmp_path: pathlib.Path) -> None:
    shift = list(READERS).index(kind)
    cases = [(SOURCES[(number + shift) % 3], name) for number, name in enumerate(MODELS)]
    differences = read_back(kind, tmp_path, export_all(kind, tmp_path, cases))
    assert {label: value for label, value in differences.items() if value > 1e-5} == {}

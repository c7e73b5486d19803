"""Lets ``pytest --doctest-modules src/triceras/<room>`` run the examples in docstrings."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Tests run in several processes: threads of each that wait for one another on a busy core take most of the time.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")

import pytest


@pytest.fixture(autouse=True)
def _example_names(request: pytest.FixtureRequest) -> Iterator[None]:
    """The names that examples use, on jax; nothing for any other test."""
    if not isinstance(request.node, pytest.DoctestItem):
        yield
        return
    from tests.doctest_names import names

    from triceras.backends import registry

    namespace: dict[str, Any] = request.getfixturevalue("doctest_namespace")
    namespace.update({name: value for name, value in names().items() if name not in request.node.dtest.globs})
    with registry.backend_scope("jax"):
        yield

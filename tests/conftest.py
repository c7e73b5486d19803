"""What all tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Tests run in several processes: threads of each that wait for one another on a busy core take most of the time.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")

import pytest

from triceras.backends import registry


@pytest.fixture(params=registry.available_backends())
def backend(request: pytest.FixtureRequest) -> Iterator[registry.Backend]:
    """Each installed backend in turn, active during the test."""
    with registry.backend_scope(request.param) as current:
        yield current

"""What all tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator

from tests import compiled

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Tests run in several processes: threads of each that wait for one another on a busy core take most of the time.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
# Most of a run on jax is compiling: a program that one of this run's processes or an earlier run has compiled is read from
# a file. jax finds it by all that it is made of and made with, so that nothing stale is found.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(compiled.folder()))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")

import pytest

from triceras.backends import registry


@pytest.fixture(params=registry.available_backends())
def backend(request: pytest.FixtureRequest) -> Iterator[registry.Backend]:
    """Each installed backend in turn, active during the test."""
    with registry.backend_scope(request.param) as current:
        yield current

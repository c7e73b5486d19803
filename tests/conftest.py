"""What all tests share."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
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
from triceras.random.seed import set_random_seed

#: With more memory than this a process of tests drops what it has compiled.
_KEPT_BYTES = 6 * 10**9


@pytest.fixture(params=registry.available_backends())
def backend(request: pytest.FixtureRequest) -> Iterator[registry.Backend]:
    """Each installed backend in turn, active during the test."""
    with registry.backend_scope(request.param) as current:
        yield current


def _resident_bytes() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Weights and draws are the same in each run, whatever ran before."""
    set_random_seed(0)


def pytest_collection_finish() -> None:
    """The tests' own objects, some millions, aren't gone through again by each collection."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="module")
def _memory_is_given_back() -> Iterator[None]:
    """A module of tests ends without garbage, and without compiled programs where there are many: they stay for good else.

    What is left, collections in the next modules don't go through again: they would take half of the time.
    """
    yield
    jax = sys.modules.get("jax")
    many = os.path.exists("/proc/self/statm") and _resident_bytes() > _KEPT_BYTES
    if jax is not None and many:
        jax.clear_caches()
    gc.collect()
    gc.freeze()
    if many:
        ctypes.CDLL(None).malloc_trim(0)

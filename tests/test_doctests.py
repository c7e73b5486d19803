"""The examples in the docstrings run and show what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import triceras
from tests.doctest_names import names
from triceras.backends import registry

MODULES = sorted(module.name for module in pkgutil.walk_packages(triceras.__path__, "triceras."))
OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


@pytest.mark.parametrize("name", ["triceras", *MODULES])
def test_examples(name: str) -> None:
    module = importlib.import_module(name)
    runner = doctest.DocTestRunner(verbose=False, optionflags=OPTIONS)
    report: list[str] = []
    with registry.backend_scope("jax"):
        for example in doctest.DocTestFinder().find(module, name, globs=names() | vars(module)):
            runner.run(example, out=report.append)
    assert runner.failures == 0, "".join(report)


def test_every_public_op_shows_an_example() -> None:
    """A function of ``ops``, of its rooms or of ``random`` says in its docstring how it is called."""
    ops = triceras.ops
    rooms = (ops, ops.nn, ops.linalg, ops.numpy, ops.image, triceras.random)
    public = {
        f"{room.__name__}.{name}": value
        for room in rooms
        for name, value in vars(room).items()
        if callable(value) and not name.startswith("_")
    }
    assert len(public) > 300
    assert [name for name, value in public.items() if ">>> " not in (value.__doc__ or "")] == []

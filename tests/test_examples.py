"""Each example runs by itself, as a user runs it, and finds what it claims: they check their own figures."""

from __future__ import annotations

import pathlib

import pytest

from tests.alone import run_alone

FOLDER = pathlib.Path(__file__).parents[1] / "examples"
#: What ``make demo`` runs.
ELSEWHERE = {"digits.py"}
EXAMPLES = sorted(path.name for path in FOLDER.glob("*.py") if path.name not in ELSEWHERE)


def test_there_are_examples_of_each_kind_of_loop() -> None:
    kinds = [f"{kind}_{backend}" for kind in ("train_step", "loop") for backend in ("jax", "torch", "tensorflow")]
    assert [kind for kind in kinds if not any(name.startswith(kind) for name in EXAMPLES)] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs_and_finds_what_it_claims(name: str) -> None:
    assert run_alone(str(FOLDER / name))

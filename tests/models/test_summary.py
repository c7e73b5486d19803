"""Tables of layers, as text and as HTML."""

from __future__ import annotations

import builtins
import sys
import types
from typing import Any

import pytest

import triceras
from triceras import layers
from triceras.backends.registry import Backend


def model() -> triceras.Model:
    triceras.utils.clear_session()
    inner = triceras.Sequential(
        [triceras.Input((4,)), layers.Dense(3, name="deep"), layers.BatchNormalization()], name="inner"
    )
    x = triceras.Input((4,), name="x")
    y = layers.Dense(4, name="wide")(x)
    return triceras.Model(x, layers.Add(name="sum")([layers.Dense(3, name="side")(y), inner(y)]), name="whole")


def running_in(shell: str | None, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Let IPython seem to run with a shell of that class; what it is told to display."""
    shown: list[Any] = []
    display = types.ModuleType("IPython.display")
    display.display = shown.append  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", types.ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    monkeypatch.delenv("DATABRICKS_RUNTIME_VERSION", raising=False)
    if shell is not None:
        monkeypatch.setattr(builtins, "get_ipython", type(shell, (), {}), raising=False)
    return shown


def text(of: triceras.Model, **options: object) -> str:
    lines: list[str] = []
    of.summary(print_fn=lines.append, **options)
    return "\n".join(lines)


def test_text(backend: Backend) -> None:
    shown = text(model())
    for expected in (
        'Model: "whole"',
        "wide (Dense)",
        "(None, 4)",
        "sum (Add)",
        "Connected to",
        "side[0][0]",
        "Total params: 62",
        "Trainable params: 56",
        "Non-trainable params: 6",
    ):
        assert expected in shown, shown
    assert "deep" not in shown


def test_nested_trainable_and_range(backend: Backend) -> None:
    whole = model()
    assert "   deep (Dense)" in text(whole, expand_nested=True)
    whole.get_layer("wide").trainable = False
    shown = text(whole, show_trainable=True)
    row = next(line for line in shown.splitlines() if "wide (Dense)" in line)
    assert "Trainable" in shown
    assert "-" in row
    part = text(whole, layer_range=("wide", "side"))
    assert "wide" in part
    assert "sum (Add)" not in part
    with pytest.raises(ValueError, match="layer_range names 'tall', which isn't a layer of 'whole'"):
        text(whole, layer_range=("tall", "side"))


def test_widths(backend: Backend) -> None:
    assert max(map(len, text(model(), line_length=100).splitlines())) <= 100
    assert text(model(), line_length=100, positions=[0.4, 0.6, 0.8, 1.0])


def test_unbuilt_and_optimizer(backend: Backend) -> None:
    blank = triceras.Sequential([layers.Dense(2, name="d")])
    assert "0 (unbuilt)" in text(blank)
    trained = triceras.Sequential([triceras.Input((4,)), layers.Dense(2, name="d")])
    trained.compile("adam", "mse")
    trained.optimizer.build(trained.trainable_variables)
    assert "Optimizer params: 22" in text(trained)


def test_on_the_terminal(backend: Backend, capsys: pytest.CaptureFixture[str]) -> None:
    model().summary()
    assert "wide (Dense)" in capsys.readouterr().out


@pytest.mark.parametrize("nested", [False, True])
def test_html_in_a_notebook(
    backend: Backend, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], nested: bool
) -> None:
    """Where IPython's kernel runs the table is one object displayed as HTML, with a text for what shows none."""
    shown = running_in("ZMQInteractiveShell", monkeypatch)
    model().summary(expand_nested=nested)
    (table,) = shown
    data = table._repr_mimebundle_([], [])
    page = data["text/html"]
    assert "<pre" in page
    assert "font-weight: bold" in page
    for expected in ("wide", "Dense", "Total params:", "Non-trainable params:"):
        assert expected in page
        assert expected in data["text/plain"]
    assert ("deep" in page) is nested
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("shell", [None, "TerminalInteractiveShell"])
def test_text_elsewhere(
    backend: Backend, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], shell: str | None
) -> None:
    shown = running_in(shell, monkeypatch)
    model().summary()
    assert shown == []
    printed = capsys.readouterr().out
    assert "wide (Dense)" in printed
    assert "<" not in printed


def test_a_function_gets_text_in_a_notebook_too(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = running_in("ZMQInteractiveShell", monkeypatch)
    assert "wide (Dense)" in text(model())
    assert shown == []

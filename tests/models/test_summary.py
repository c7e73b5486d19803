"""Tables of layers, as text and as HTML."""

from __future__ import annotations

import io

import pytest

import triceras
from triceras import layers
from triceras.backends.registry import Backend
from triceras.models import summary as summaries


def model() -> triceras.Model:
    triceras.utils.clear_session()
    inner = triceras.Sequential(
        [triceras.Input((4,)), layers.Dense(3, name="deep"), layers.BatchNormalization()], name="inner"
    )
    x = triceras.Input((4,), name="x")
    y = layers.Dense(4, name="wide")(x)
    return triceras.Model(x, layers.Add(name="sum")([layers.Dense(3, name="side")(y), inner(y)]), name="whole")


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


def test_html(backend: Backend) -> None:
    from rich.console import Console

    console = Console(record=True, file=io.StringIO(), width=90)
    console.print(summaries._table(model(), None, 90, False, False, None))
    page = console.export_html()
    assert "wide (Dense)" in page
    assert page.startswith("<!DOCTYPE html>")

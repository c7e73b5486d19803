"""Progress in a terminal, a notebook and a log: exact text at times of a clock that the test moves."""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import re
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import triceras
from tests import black_box
from triceras import callbacks, layers, utils
from triceras.backends import registry
from triceras.backends.registry import backend_scope
from triceras.callbacks import progress
from triceras.callbacks.progress import display_for

X = np.arange(24, dtype="float32").reshape(12, 2) / 24
Y = X[:, :1]


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(progress, "clock", made)
    return made


class Terminal(io.StringIO):
    """What a terminal shows after the control codes that rich writes."""

    def isatty(self) -> bool:
        return True

    @property
    def screen(self) -> list[str]:
        """The lines to be seen, without spaces behind."""
        lines, row, column = [""], 0, 0
        for code, text in re.findall(r"(\x1b\[[?0-9;]*[A-Za-z]|\r|\n)|([^\x1b\r\n]+)", self.getvalue()):
            if text:
                lines[row] = lines[row][:column].ljust(column) + text + lines[row][column + len(text) :]
                column += len(text)
            elif code == "\r":
                column = 0
            elif code == "\n":
                row, column = row + 1, 0
                lines += [""] * (row + 1 - len(lines))
            elif code.endswith("A"):
                row -= int(code[2:-1] or 1)
            elif code == "\x1b[2K":
                lines[row] = ""
            else:
                assert code in ("\x1b[?25l", "\x1b[?25h"), repr(code)
        return [line.rstrip() for line in lines if line.strip()]

    @property
    def shows_cursor(self) -> bool:
        return self.getvalue().rfind("\x1b[?25h") >= self.getvalue().rfind("\x1b[?25l")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    made = Terminal()
    monkeypatch.setattr(
        progress, "make_console", lambda: Console(file=made, force_terminal=True, width=100, color_system=None)
    )
    return made


def in_a_terminal(test: Callable[..., None]) -> Callable[..., None]:
    """A test whose standard output is its terminal; pytest sets its own after fixtures are made."""

    @functools.wraps(test)
    def run(**given: Any) -> None:
        with contextlib.redirect_stdout(given["terminal"]):
            test(**given)

    return run


@pytest.fixture(autouse=True)
def nothing_is_left_in_front() -> Iterator[None]:
    yield
    assert progress._in_front == []


def net(**compiled: Any) -> triceras.Model:
    utils.set_random_seed(0)
    model = triceras.Sequential([triceras.Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse", **compiled)
    return model


@pytest.fixture(autouse=True)
def on_one_backend() -> Iterator[None]:
    """What is shown doesn't depend on the backend: the first one that trains."""
    with backend_scope(next(name for name in ("torch", "jax", "tensorflow") if name in registry.available_backends())):
        yield


# ---- in a terminal ---------------------------------------------------------------------------------------------------


@in_a_terminal
def test_bar(clock: Clock, terminal: Terminal) -> None:
    """Steps, a bar, the time gone and to come, the time of a step, figures; drawn in place."""
    bar = utils.Progbar(100, interval=1.0)
    for done in (10, 20, 40):
        clock.now += 2.0 if done < 40 else 8.0
        bar.update(done, [("loss", 100 / done)])
    assert terminal.screen == ["40/100 ━━━━━━━━             0:12 < 0:20 333.3ms/step loss: 5.0000"]
    assert not terminal.shows_cursor
    clock.now += 18.0
    bar.update(100, [("loss", 1.0)])
    assert terminal.screen == ["100/100 ━━━━━━━━━━━━━━━━━━━━ 0:30 300.0ms/step loss: 2.6000"]
    assert terminal.shows_cursor


@in_a_terminal
def test_rate_is_that_of_recent_steps(clock: Clock, terminal: Terminal) -> None:
    """The first step, which compiles, and steps more than half a minute ago don't count; at the end all do."""
    bar = utils.Progbar(200, width=4, interval=0.0)
    clock.now += 50.0
    bar.add(1)
    assert terminal.screen == ["1/200      0:50 < ?"]
    for _ in range(10):
        clock.now += 1.0
        bar.add(1)
    assert terminal.screen == ["11/200      1:00 < 3:09 1.0s/step"]
    for _ in range(62):
        clock.now += 0.5
        bar.add(1)
    assert terminal.screen == ["73/200 ━    1:31 < 1:04 500.0ms/step"]
    clock.now += 9.0
    bar.update(200)
    assert terminal.screen == ["200/200 ━━━━ 1:40 500.0ms/step"]


@in_a_terminal
def test_unknown_number_of_steps(clock: Clock, terminal: Terminal) -> None:
    bar = utils.Progbar(None, width=5, interval=0.0, unit_name="file")
    for _ in range(3):
        clock.now += 0.01
        bar.add(1, [("size", 4.0)])
    assert re.fullmatch(r"3/\? ━{5} 0:00 10\.0ms/file size: 4\.0000", terminal.screen[0])
    bar.update(3, finalize=True)
    assert terminal.screen == ["3/3 ━━━━━ 0:00 10.0ms/file size: 4.0000"]


@in_a_terminal
def test_figures_that_do_not_fit_stand_below(clock: Clock, terminal: Terminal) -> None:
    bar = utils.Progbar(2, interval=0.0)
    clock.now += 1.0
    bar.add(1, [(f"figure_{i}", i) for i in range(6)])
    assert terminal.screen[0] == "1/2 ━━━━━━━━━━           0:01 < ?"
    assert " ".join(terminal.screen[1:]) == " - ".join(f"figure_{i}: {i}.0000" for i in range(6))
    bar.add(1)
    assert len(terminal.screen) == 3


@in_a_terminal
def test_epochs_of_a_fit(clock: Clock, terminal: Terminal) -> None:
    """A line for each, with the figures of the history; validation draws nothing of its own; prints appear above."""

    class Works(callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
            clock.now += 0.1
            if batch == 1:
                shown.append(terminal.screen[-1])

        def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
            clock.now += 2.0
            print("validated")

    shown: list[str] = []
    model = net()
    history = model.fit(X, Y, batch_size=4, epochs=2, validation_data=(X, Y), callbacks=[Works()]).history
    figures = [f"loss: {a:.4f} - val_loss: {b:.4f}" for a, b in zip(history["loss"], history["val_loss"], strict=True)]
    assert terminal.screen == [
        "validated",
        f"Epoch 1/2 3/3 ━━━━━━━━━━━━━━━━━━━━ 0:02 100.0ms/step {figures[0]}",
        "validated",
        f"Epoch 2/2 3/3 ━━━━━━━━━━━━━━━━━━━━ 0:02 100.0ms/step {figures[1]}",
    ]
    assert re.fullmatch(r"Epoch 2/2 1/3 ━{6,7} +0:00 < \? +loss: [0-9.]+", shown[1])
    assert terminal.shows_cursor
    evaluated = model.evaluate(X, Y, batch_size=4)
    model.predict(X, batch_size=4)
    assert terminal.screen[4:] == [
        f"3/3 ━━━━━━━━━━━━━━━━━━━━ 0:00 0us/step loss: {evaluated:.4f}",
        "3/3 ━━━━━━━━━━━━━━━━━━━━ 0:00 0us/step",
    ]


@in_a_terminal
def test_total_is_known_from_the_second_epoch_on(clock: Clock, terminal: Terminal) -> None:
    class Batches:
        def __iter__(self) -> Iterator[Any]:
            return ((X[i : i + 4], Y[i : i + 4]) for i in range(0, 12, 4))

    class Looks(callbacks.Callback):
        def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
            clock.now += 1.0
            shown.append(re.search(r"\d+/[0-9?]+(?= ━)|\d+/[0-9?]+(?=  )", terminal.screen[-1]).group())  # type: ignore[union-attr]

    shown: list[str] = []
    net().fit(Batches(), epochs=2, callbacks=[Looks()])
    assert shown == ["0/?", "1/?", "2/?", "0/3", "1/3", "2/3"]
    assert [line[:13] for line in terminal.screen] == ["Epoch 1/2 3/3", "Epoch 2/2 3/3"]


@in_a_terminal
def test_going_on_within_an_epoch(clock: Clock, terminal: Terminal) -> None:
    """Steps of a training that was cut off are done already, and took no time."""
    listing = callbacks.CallbackList(add_progbar=True, verbose=1, epochs=1, steps=10)
    listing.on_train_begin()
    listing.on_epoch_begin(0)
    clock.now += 60.0
    for batch in range(6, 9):
        listing.begin_steps("train", batch)
        clock.now += 1.0
        listing.end_steps("train", batch, lambda: {"loss": 0.5})
    assert terminal.screen == ["9/10 ━━━━━━━━━━━━━━━━━━   0:03 < 0:01 1.0s/step loss: 0.5000"]
    listing.close()


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
@in_a_terminal
def test_whatever_ends_it_leaves_the_terminal_clean(
    clock: Clock, terminal: Terminal, error: type[BaseException]
) -> None:
    class Fails(callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
            if batch == 1:
                raise error

        on_test_batch_end = on_predict_batch_end = on_train_batch_end

    model = net()
    for run in (
        lambda: model.fit(X, Y, batch_size=4, callbacks=[Fails()]),
        lambda: model.evaluate(X, Y, batch_size=4, callbacks=[Fails()]),
        lambda: model.predict(X, batch_size=4, callbacks=[Fails()]),
    ):
        with pytest.raises(error):
            run()
        assert terminal.shows_cursor
        assert sys.stdout is terminal
    assert len(terminal.screen) == 3
    model.fit(X, Y)
    assert terminal.screen[-1].startswith("1/1 ━")


@in_a_terminal
def test_a_loop_that_is_left(clock: Clock, terminal: Terminal) -> None:
    bar = utils.Progbar(5, interval=0.0)
    bar.add(1)
    assert not terminal.shows_cursor
    del bar
    assert terminal.shows_cursor
    assert sys.stdout is terminal


@in_a_terminal
def test_evaluation_in_a_callback_is_a_line_above(clock: Clock, terminal: Terminal) -> None:
    class Evaluates(callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
            figures.append(self.model.evaluate(X, Y, batch_size=6))

    figures: list[float] = []
    net().fit(X, Y, batch_size=6, callbacks=[Evaluates()])
    assert terminal.screen[0] == f"2/2 - 0s - 0us/step - loss: {figures[0]:.4f}"
    assert terminal.screen[1].startswith("2/2 ━")
    assert len(terminal.screen) == 2


# ---- in a log --------------------------------------------------------------------------------------------------------


def test_log(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    """A line an epoch, and one a minute in a long one; no control codes."""

    class Works(callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
            clock.now += 25.0

    history = net().fit(X, Y, batch_size=2, epochs=2, callbacks=[Works()]).history["loss"]
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(" - loss")[0] for line in lines] == [
        "Epoch 1/2 - 3/6 - 75s - 25.0s/step",
        "Epoch 1/2 - 6/6 - 150s - 25.0s/step",
        "Epoch 1/2 - 6/6 - 150s - 25.0s/step",
        "Epoch 2/2 - 3/6 - 75s - 25.0s/step",
        "Epoch 2/2 - 6/6 - 150s - 25.0s/step",
        "Epoch 2/2 - 6/6 - 150s - 25.0s/step",
    ]
    assert lines[-1].endswith(f" - loss: {history[1]:.4f}")
    assert not any(code in "".join(lines) for code in "\r\b\x1b")


#: How the lines of two epochs, of an evaluation and of a prediction begin.
LINES = ["Epoch 1/2 - 3/3", "Epoch 2/2 - 3/3", "3/3 - 0s", "3/3 - 0s"]


@pytest.mark.parametrize("verbose", [0, 1, 2, "auto"])
def test_verbose(clock: Clock, capsys: pytest.CaptureFixture[str], verbose: Any) -> None:
    model = net()
    model.fit(X, Y, batch_size=4, epochs=2, validation_data=(X, Y), verbose=verbose)
    model.evaluate(X, Y, batch_size=4, verbose=verbose)
    model.predict(X, batch_size=4, verbose=verbose)
    lines = capsys.readouterr().out.splitlines()
    expected = LINES if verbose else []
    assert [line[: len(start)] for line, start in zip(lines, expected, strict=True)] == expected


@in_a_terminal
def test_verbose_2_is_a_line_in_a_terminal_too(clock: Clock, terminal: Terminal) -> None:
    net().fit(X, Y, verbose=2)
    assert re.fullmatch(r"1/1 - 0s - 0us/step - loss: [0-9.]+\n", terminal.getvalue())


def test_colour_makes_no_terminal_of_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.setenv(name, "1")
    net().fit(X, Y)
    assert re.fullmatch(r"1/1 - \d+s - [0-9.]+[mu]?s/step - loss: [0-9.]+\n", capsys.readouterr().out)


@in_a_terminal
def test_without_interactive_logging(
    clock: Clock, terminal: Terminal, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines go to Python's logging and nowhere else."""
    caplog.set_level(logging.INFO, logger="triceras")
    triceras.config.disable_interactive_logging()
    try:
        net().fit(X, Y, batch_size=4, epochs=2)
        bar = utils.Progbar(1)
        bar.add(1, [("loss", 2.0)])
    finally:
        triceras.config.enable_interactive_logging()
    assert terminal.getvalue() == ""
    assert [re.sub(" - loss.*", "", record.getMessage()) for record in caplog.records] == [
        "Epoch 1/2 - 3/3 - 0s - 0us/step",
        "Epoch 2/2 - 3/3 - 0s - 0us/step",
        "1/1 - 0s - 0us/step",
    ]


def test_no_standard_output(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process without a console."""
    monkeypatch.setattr(sys, "stdout", None)
    net().fit(X, Y)


# ---- in a notebook ---------------------------------------------------------------------------------------------------


def test_notebook(clock: Clock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One output an epoch, which is replaced; each is HTML and text, and nothing is printed."""

    class Handle:
        def __init__(self, shown: Any) -> None:
            self.shown = [shown]

        def update(self, shown: Any) -> None:
            self.shown.append(shown)

    class Works(callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
            clock.now += 1.0

    handles: list[Handle] = []

    def display(shown: Any, display_id: bool = False) -> Handle:
        assert display_id
        handles.append(Handle(shown))
        return handles[-1]

    notebook = types.ModuleType("IPython.display")
    notebook.display = display  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", types.ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", notebook)
    monkeypatch.setattr(progress, "make_console", lambda: Console(force_jupyter=True, width=90))
    history = net().fit(X, Y, batch_size=4, epochs=2, callbacks=[Works()]).history["loss"]
    assert len(handles) == 2
    bundles = [shown._repr_mimebundle_((), ()) for shown in handles[1].shown]
    assert [bundle["text/plain"].split()[2] for bundle in bundles] == ["0/3", "1/3", "2/3", "3/3", "3/3"]
    final = f"Epoch 2/2 3/3 ━━━━━━━━━━━━━━━━━━━━ 0:03 1.0s/step loss: {history[1]:.4f}"
    assert bundles[-1]["text/plain"].strip() == final
    assert "<pre" in bundles[-1]["text/html"]
    assert f"loss: {history[1]:.4f}" in bundles[-1]["text/html"]
    assert "\x1b" not in bundles[-1]["text/html"]
    assert capsys.readouterr().out == ""


# ---- what it costs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verbose, looks", [(1, 4), (2, 0), (0, 0)])
@in_a_terminal
def test_figures_are_read_when_they_are_drawn(clock: Clock, terminal: Terminal, verbose: int, looks: int) -> None:
    """A thousand steps in a second: four looks, one of them at the first."""
    reads: list[int] = []
    listing = callbacks.CallbackList(add_progbar=True, verbose=verbose, epochs=1, steps=1000)
    listing.on_train_begin()
    listing.on_epoch_begin(0)
    for batch in range(1000):
        listing.begin_steps("train", batch)
        clock.now += 0.001001
        listing.end_steps("train", batch, lambda batch=batch: reads.append(batch) or {"loss": 0.0})
    listing.on_epoch_end(0, {"loss": 1.0})
    assert len(reads) == looks
    assert not callbacks.ProgbarLogger().wants_batches("train")


# ---- averages --------------------------------------------------------------------------------------------------------

#: Arguments, then calls: the steps done, and figures.
AVERAGES: list[tuple[dict[str, Any], list[tuple[int, dict[str, float]]]]] = [
    ({}, [(1, {"m": 1.0}), (2, {"m": 3.0}), (3, {"m": 8.0})]),
    ({}, [(2, {"m": 1.0}), (5, {"m": 2.0}), (6, {})]),
    ({}, [(0, {"m": 1.0}), (2, {"m": 3.0})]),
    ({}, [(1, {"m": 1.0}), (1, {"m": 3.0}), (2, {"m": 5.0})]),
    ({}, [(1, {"m": 1e-5, "n": 1234.5}), (2, {"n": 2.0})]),
    ({"stateful_metrics": ["n"]}, [(1, {"m": 1.0, "n": 1.0}), (3, {"m": 4.0, "n": 7.0})]),
    ({"stateless_metrics": ["n"]}, [(1, {"m": 1.0, "n": 1.0}), (3, {"m": 4.0, "n": 7.0})]),
    ({"stateless_metrics": []}, [(1, {"m": 1.0}), (2, {"m": 4.0})]),
    ({}, [(1, {"m": 1.0}), (2, {"m": 4.0}), (-3, {"m": 9.0})]),
]


@in_a_terminal
def test_averages_are_those_of_keras(clock: Clock, terminal: Terminal) -> None:
    """Each call counts with the steps since the last one; a negative number of steps finalizes, with figures as given."""
    code = """
import contextlib, io, re

def answer(row):
    options, calls = row
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        bar = keras.utils.Progbar(10, interval=0.0, **options)
        for done, values in calls:
            bar.update(abs(done), list(values.items()), finalize=done < 0)
    return re.findall(r"(\\\\w+): ([0-9.e-]+)", shown.getvalue().rpartition("step")[2])
""".replace("\\\\", "\\")
    for (options, calls), expected in zip(AVERAGES, black_box.run(code, AVERAGES), strict=True):
        assert isinstance(expected, list), expected
        bar = utils.Progbar(10, interval=0.0, **options)
        for done, values in calls:
            bar.update(abs(done), list(values.items()), finalize=done < 0)
        shown = re.findall(r"(\w+): ([0-9.e-]+)", terminal.screen[-1].rpartition("━")[2])
        assert [list(pair) for pair in shown] == expected
        del bar


def test_figures_that_are_no_numbers(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    """The mean of several, and anything else as its text."""
    bar = utils.Progbar(2, verbose=2)
    for _ in range(2):
        bar.add(1, [("scores", np.array([0.25, 0.75])), ("phase", "warm"), ("rate", None)])
    assert capsys.readouterr().out == "2/2 - 0s - 0us/step - scores: 0.5000 - phase: warm - rate: None\n"


def test_bad_input() -> None:
    with pytest.raises(ValueError, match=r"received both: \['a'\] and \['b'\]. Name those of one kind"):
        utils.Progbar(3, stateful_metrics=["a"], stateless_metrics=["b"])


@in_a_terminal
def test_silence(clock: Clock, terminal: Terminal) -> None:
    bar = utils.Progbar(2, verbose=0)
    bar.add(1, [("loss", 1.0)])
    bar.add(1)
    display_for("", 2, 0).end(2, [])
    assert terminal.getvalue() == ""

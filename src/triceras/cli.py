"""The command ``triceras``: what can be done with model files without writing a program."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

#: Exit codes.
FINE, DIFFERENT, FAILED = 0, 1, 2
_UNITS = ("B", "KB", "MB", "GB", "TB")
#: How much of a configuration's value is printed, in characters.
_SHOWN = 60


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: what stands behind ``triceras`` on the command line; that of the process by default.

    Returns:
        The exit code: 0; 1 where two files differ; 2 after an error, which is one line on standard error.

    Example:
        >>> import contextlib, io
        >>> with contextlib.redirect_stderr(io.StringIO()) as error:
        ...     code = main(["inspect", "nowhere.keras"])
        >>> code, error.getvalue()
        (2, 'triceras inspect: There is no file nowhere.keras.\\n')
    """
    parser = argparse.ArgumentParser(prog="triceras", description="Work with model files.")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        command.add_arguments(subparsers.add_parser(name, help=command.help, description=command.help))
    given = parser.parse_args(arguments)
    try:
        return COMMANDS[given.command].run(given)
    except (ValueError, OSError, ImportError, MemoryError, RecursionError) as error:
        print(f"triceras {given.command}: {' '.join(str(error).split()) or type(error).__name__}", file=sys.stderr)
        return FAILED


class Command(NamedTuple):
    """A command: what it does, its arguments, and the function that does it and returns the exit code."""

    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


# ---- inspect -----------------------------------------------------------------------------------------------------------


def _inspect_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", help="a .keras, .weights.h5, .weights.json, .h5 or .safetensors file")
    parser.add_argument("other", nargs="?", help="another one, to compare with")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _inspect(given: argparse.Namespace) -> int:
    from triceras.saving.contents import Contents
    from triceras.saving.inspection import description, difference

    with Contents(given.file) as contents:
        if given.other is None:
            found = description(contents)
            show = _show_description
        else:
            with Contents(given.other) as other:
                found = difference(contents, other)
            show = _show_difference
    if given.json:
        print(json.dumps(found))
    else:
        show(found)
    return FINE if found.get("same", True) else DIFFERENT


def _show_description(found: dict[str, Any]) -> None:
    model = " ".join(str(value) for value in found["model"].values() if value)
    facts = {"kind": found["kind"], "model": model, **found["metadata"]}
    _print(found["file"], *(f"  {name}: {value}" for name, value in facts.items() if value))
    rows = [
        ["  " * layer["depth"] + layer["name"], layer["class"], f"{layer['parameters']:,}"] for layer in found["layers"]
    ]
    _print_table(("layer", "class", "parameters"), rows)
    rows = [[v["path"], str(tuple(v["shape"])), v["dtype"], f"{v['bytes']:,}"] for v in found["variables"]]
    _print_table(("variable", "shape", "dtype", "bytes"), rows)
    totals = found["totals"]
    _print(f"{totals['variables']:,} variables, {totals['parameters']:,} parameters, {_in_units(totals['bytes'])}")
    for title, key in (("needs custom objects", "custom_objects"), ("refused in safe mode", "refused")):
        if found[key]:
            _print(f"{title}: {', '.join(found[key])}")


def _show_difference(found: dict[str, Any]) -> None:
    if found["same"]:
        _print("no difference")
    rows = [[row["path"], _shortened(row["first"]), _shortened(row["second"])] for row in found["config"]]
    _print_table(("configuration", "first", "second"), rows)
    rows = [[r["path"], r["first"] or "none", r["second"] or "none"] for r in found["variables"] if "first" in r]
    _print_table(("variable", "first", "second"), rows)
    rows = [
        [row["path"], f"{row['differing']:,} of {row['of']:,}", row["largest"]]
        for row in found["variables"]
        if "largest" in row
    ]
    _print_table(("variable", "values that differ", "by at most"), rows)


def _shortened(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]} …"


def _in_units(size: float) -> str:
    """A size in bytes in the unit that suits it."""
    power = 0
    while size >= 1024 and power < len(_UNITS) - 1:
        size, power = size / 1024, power + 1
    return f"{size:,.4g} {_UNITS[power]}"


def _console() -> Any:
    from rich.console import Console

    # A file or a pipe has no width to fit into.
    return Console(highlight=False, width=None if sys.stdout.isatty() else 10_000)


def _print(*lines: str) -> None:
    console = _console()
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)


def _print_table(titles: Sequence[str], rows: list[list[str]]) -> None:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    if not rows:
        return
    table = Table(*titles, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*map(escape, row))
    _console().print(table)


COMMANDS = {
    "inspect": Command("Show what is in a model file, or how two differ.", _inspect_arguments, _inspect),
}

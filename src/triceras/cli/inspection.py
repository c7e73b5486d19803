"""Show what is in a model file, or how two differ.

examples:
  triceras inspect model.keras
  triceras inspect model.weights.h5 --json
  triceras inspect model.keras other.keras
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

_UNITS = ("B", "KB", "MB", "GB", "TB")
#: How much of a configuration's value is printed, in characters.
_SHOWN = 60

ARGUMENTS: dict[str, dict[str, Any]] = {
    "file": {"help": "a .keras, .weights.h5, .weights.json, .h5 or .safetensors file"},
    "other": {"nargs": "?", "help": "another one, to compare with"},
    "--json": {"action": "store_true", "help": "print JSON"},
}


def run(given: argparse.Namespace) -> int:
    """Run ``triceras inspect``."""
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
    return 0 if found.get("same", True) else 1


def _show_description(found: dict[str, Any]) -> None:
    model = " ".join(str(value) for value in found["model"].values() if value)
    facts = {"kind": found["kind"], "model": model, **found["metadata"]}
    print_lines(found["file"], *(f"  {name}: {value}" for name, value in facts.items() if value))
    rows = [
        ["  " * layer["depth"] + layer["name"], layer["class"], f"{layer['parameters']:,}"] for layer in found["layers"]
    ]
    print_table(("layer", "class", "parameters"), rows)
    rows = [[v["path"], str(tuple(v["shape"])), v["dtype"], f"{v['bytes']:,}"] for v in found["variables"]]
    print_table(("variable", "shape", "dtype", "bytes"), rows)
    totals = found["totals"]
    print_lines(f"{totals['variables']:,} variables, {totals['parameters']:,} parameters, {_in_units(totals['bytes'])}")
    for title, key in (("needs custom objects", "custom_objects"), ("refused in safe mode", "refused")):
        if found[key]:
            print_lines(f"{title}: {', '.join(found[key])}")


def _show_difference(found: dict[str, Any]) -> None:
    if found["same"]:
        print_lines("no difference")
    rows = [[row["path"], _shortened(row["first"]), _shortened(row["second"])] for row in found["config"]]
    print_table(("configuration", "first", "second"), rows)
    rows = [[r["path"], r["first"] or "none", r["second"] or "none"] for r in found["variables"] if "first" in r]
    print_table(("variable", "first", "second"), rows)
    rows = [
        [row["path"], f"{row['differing']:,} of {row['of']:,}", row["largest"]]
        for row in found["variables"]
        if "largest" in row
    ]
    print_table(("variable", "values that differ", "by at most"), rows)


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


def print_lines(*lines: str) -> None:
    """Print lines as they are."""
    console = _console()
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)


def print_table(titles: Sequence[str], rows: list[list[str]]) -> None:
    """Print a table; nothing where it has no rows."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    if not rows:
        return
    table = Table(*titles, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*map(escape, row))
    _console().print(table)

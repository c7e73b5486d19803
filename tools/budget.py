#!/usr/bin/env python3
"""Check the size budget of the library and print where it stands.

    python tools/budget.py            # src/
    python tools/budget.py some/path  # any other folder

Fails on a file over 1,000 lines, a function of 80 lines or more, or a total over 45,000 lines; lists the files over
500. The lines of functions and the total are counted less docstrings: the budget is on what has to be followed, not on
what explains it.
"""

from __future__ import annotations

import argparse
import ast
import pathlib
import statistics
import sys
from collections.abc import Iterator

FILE_FAILS_OVER = 1000
FILE_LISTED_OVER = 500
FUNCTION_UNDER = 80
TOTAL_UNDER = 45_000
MEDIAN_UNDER = 200

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
DocumentedNode = ast.Module | ast.ClassDef | FunctionNode


def docstring_lines(node: DocumentedNode) -> int:
    """Lines that the docstring of `node` takes, 0 without one."""
    if ast.get_docstring(node, clean=False) is None:
        return 0
    first = node.body[0]
    return (first.end_lineno or first.lineno) - first.lineno + 1


def functions(tree: ast.Module) -> Iterator[tuple[FunctionNode, int]]:
    """Every function of `tree`, nested ones too, with its number of lines less the docstring."""
    for node in ast.walk(tree):
        if isinstance(node, FunctionNode):
            yield node, (node.end_lineno or node.lineno) - node.lineno + 1 - docstring_lines(node)


def check(root: pathlib.Path) -> tuple[dict[pathlib.Path, int], int, list[str]]:
    """Lines of each Python file under `root`, lines of all docstrings, and what is over budget."""
    sizes: dict[pathlib.Path, int] = {}
    documentation = 0
    failures: list[str] = []
    for path in sorted(root.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        sizes[path] = len(source.splitlines())
        if sizes[path] > FILE_FAILS_OVER:
            failures.append(f"{path}: {sizes[path]} lines, at most {FILE_FAILS_OVER}: split it")
        tree = ast.parse(source, str(path))
        documentation += sum(docstring_lines(node) for node in ast.walk(tree) if isinstance(node, DocumentedNode))
        failures.extend(
            f"{path}:{node.lineno}: {node.name} has {lines} lines, under {FUNCTION_UNDER} wanted: split it"
            for node, lines in functions(tree)
            if lines >= FUNCTION_UNDER
        )
    total = sum(sizes.values()) - documentation
    if total >= TOTAL_UNDER:
        failures.append(f"{root}: {total} lines less docstrings, under {TOTAL_UNDER} wanted")
    return sizes, documentation, failures


def main() -> int:
    parser = argparse.ArgumentParser(description="Check the size budget of the library.")
    parser.add_argument("root", nargs="?", type=pathlib.Path, default=pathlib.Path("src"))
    root = parser.parse_args().root
    if not root.is_dir():
        parser.error(f"no such folder: {root}")
    sizes, documentation, failures = check(root)
    for path, lines in sorted(sizes.items(), key=lambda item: -item[1]):
        if lines > FILE_LISTED_OVER:
            print(f"over {FILE_LISTED_OVER}: {path} {lines}")
    median = statistics.median(sizes.values()) if sizes else 0
    total = sum(sizes.values())
    print(
        f"{len(sizes)} files, {total - documentation} lines (under {TOTAL_UNDER} wanted) and {documentation} of docstrings, "
        f"median {median:g} (under {MEDIAN_UNDER} wanted)"
    )
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

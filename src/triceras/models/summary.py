"""The table of a model's layers, on terminals and in notebooks."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator
from typing import Any

from triceras import tree
from triceras.graph.operation import OpCall
from triceras.layers.core.input_layer import InputLayer

_COLUMNS = ("Layer (type)", "Output Shape", "Param #")


def print_summary(
    model: Any,
    line_length: int | None = None,
    positions: Any = None,
    print_fn: Callable[[str], Any] | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Any = None,
) -> None:
    """Print a table of a model's layers; see ``Model.summary``."""
    from rich.console import Console
    from rich.text import Text

    table = _table(model, positions, line_length, expand_nested, show_trainable, layer_range)
    totals = [Text.from_markup(line) for line in _totals(model)]
    heading = Text.from_markup(f'[bold]Model: "{model.name}"[/bold]')
    if print_fn is not None:
        # In a notebook a console shows what it prints there, whatever its file is, unless told not to.
        plain = {"color_system": None, "force_jupyter": False, "legacy_windows": False}
        console = Console(file=io.StringIO(), width=line_length or 88, **plain)  # type: ignore[arg-type]
        console.print(heading, table, *totals, sep="\n")
        print_fn(console.file.getvalue())  # type: ignore[attr-defined]
        return
    # A rich console shows HTML in notebooks and plain text where there is no terminal.
    Console(width=line_length).print(heading, table, *totals, sep="\n")


def _table(
    model: Any, positions: Any, line_length: int | None, expand_nested: bool, show_trainable: bool, layer_range: Any
) -> Any:
    from rich.table import Table

    columns: list[str] = list(_COLUMNS)
    connected = _is_branched(model)
    if connected:
        columns.append("Connected to")
    if show_trainable:
        columns.append("Trainable")
    table = Table(*columns, width=line_length, show_lines=True, header_style="bold")
    widths = _widths(positions, line_length or 88, len(columns))
    for column, width in zip(table.columns, widths, strict=False):
        column.width = width
    for level, layer in _rows(model, expand_nested, layer_range):
        row = [f"{'   ' * level}{layer.name} ({_kind(layer)})", _shape(layer), _count(layer)]
        if connected:
            row.append(_sources(layer, model))
        if show_trainable:
            row.append("Y" if getattr(layer, "trainable", False) and getattr(layer, "weights", []) else "-")
        table.add_row(*row)
    return table


def _widths(positions: Any, line_length: int, columns: int) -> list[int]:
    if positions is None:
        return []
    ends = [int(p * line_length) if p <= 1 else int(p) for p in positions][:columns]
    return [end - start - 3 for start, end in zip([0, *ends], ends, strict=False)]


def _is_branched(model: Any) -> bool:
    """Whether the layers form more than a chain, so that a column tells what they are connected to."""
    nodes = getattr(model, "_nodes", None)
    if nodes is None:
        return False
    inside = [node for node in nodes if not node.is_input]
    return len(getattr(model, "inputs", [])) > 1 or any(len(node.input_tensors) > 1 for node in inside)


def _operations(model: Any) -> list[Any]:
    return list(model.operations) if hasattr(model, "operations") else list(model.layers)


def _rows(model: Any, expand_nested: bool, layer_range: Any, level: int = 0) -> Iterator[tuple[int, Any]]:
    rows = _operations(model)
    if layer_range is not None and level == 0:
        names = [layer.name for layer in rows]
        for name in layer_range:
            if name not in names:
                raise ValueError(
                    f"layer_range names {name!r}, which isn't a layer of {model.name!r}. Its layers: {names}."
                )
        rows = rows[names.index(layer_range[0]) : names.index(layer_range[1]) + 1]
    for layer in rows:
        yield level, layer
        if expand_nested and hasattr(layer, "layers") and not isinstance(layer, OpCall):
            yield from _rows(layer, True, None, level + 1)


def _kind(layer: Any) -> str:
    if isinstance(layer, OpCall):
        return "".join(part.capitalize() for part in layer.op.name.split("_"))
    return type(layer).__name__


def _shape(layer: Any) -> str:
    if isinstance(layer, InputLayer):
        return str(layer.batch_shape)
    nodes = layer._inbound_nodes
    if nodes:
        shapes = tree.map_structure(lambda x: str(x.shape), nodes[0].outputs)
        return shapes if isinstance(shapes, str) else ", ".join(tree.flatten(shapes))
    return "?" if getattr(layer, "built", False) else "? (unbuilt)"


def _count(layer: Any) -> str:
    if isinstance(layer, OpCall):
        return "0"
    if not layer.built and not layer.weights:
        return "0 (unbuilt)" if layer._is_overridden("build") else "0"
    return f"{sum(v.size for v in layer.weights):,}"


def _sources(layer: Any, model: Any) -> str:
    kept = {id(node) for node in model._nodes}
    names = []
    for node in layer._inbound_nodes:
        if id(node) not in kept or node.is_input:
            continue
        for x in node.input_tensors:
            operation, index, position = x._keras_history
            names.append(f"{operation.name}[{index}][{position}]")
    return ", ".join(names) or "-"


def _totals(model: Any) -> Iterator[str]:
    groups = {
        "Total": list(model.weights),
        "Trainable": list(model.trainable_weights),
        "Non-trainable": list(model.non_trainable_weights),
    }
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None and optimizer.built:
        groups["Optimizer"] = list(optimizer.variables)
        groups["Total"] = [*groups["Total"], *groups["Optimizer"]]
    for name, variables in groups.items():
        yield f" [bold]{name} params:[/bold] {sum(v.size for v in variables):,} ({_size(variables)})"


def _size(variables: list[Any]) -> str:
    from triceras.core.dtypes import numpy_dtype

    size = float(sum(v.size * numpy_dtype(v.stored_dtype).itemsize for v in variables))
    power = min(int(math.log(size, 1024)), 4) if size >= 1 else 0
    return f"{size / 1024**power:.2f} {('B', 'KB', 'MB', 'GB', 'TB')[power]}"

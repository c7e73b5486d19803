"""Pictures of models: the layers as a graph in Graphviz's language, drawn by Graphviz."""

from __future__ import annotations

import dataclasses
import pathlib
import shutil
import subprocess
from collections.abc import Container, Iterator
from typing import Any

from triceras.graph.function import Function
from triceras.graph.node import Node
from triceras.graph.operation import OpCall
from triceras.layers.core.input_layer import InputLayer
from triceras.models.functional import Functional
from triceras.models.sequential import Sequential

#: What would be markup in a label, of HTML or of the record shape -> its entity; a backslash escapes also as one.
_ENTITIES = str.maketrans({mark: f"&#{ord(mark)};" for mark in '&<>"|{}'} | {"\\": 2 * "&#92;"})

#: Whether weights are trained -> (colour, text) of the cell that says so.
_TRAINABLE = {True: ("forestgreen", "Trainable"), False: ("firebrick", "Non-trainable")}


def model_to_dot(
    model: Any,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    subgraph: bool = False,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
    **kwargs: Any,
) -> Any:
    """A model as a graph of pydot: a node for each layer or op, called ``str(id(layer))``, an edge where one feeds another.

    A subclassed model, whose layers are connected by code, is one node, and so is each model inside unless it is expanded.

    Args:
        model: a built model.
        show_shapes, show_dtype: whether nodes tell the shapes of inputs and outputs, the dtypes of outputs.
        show_layer_names: whether nodes tell names beside classes.
        rankdir: where layers follow one another: ``"TB"`` downwards, ``"LR"`` to the right, ``"BT"``, ``"RL"``.
        expand_nested: whether models inside are drawn with their layers, in a dashed box.
        dpi: dots per inch of the picture.
        subgraph: whether to return a box for a larger graph.
        show_layer_activations, show_trainable: whether nodes tell activations, and whether weights are trained.
        splines: how Graphviz draws edges: ``"ortho"``, ``"curved"``, ``"polyline"``, ``"spline"``, ``"line"``.

    Returns:
        A ``pydot.Dot``; a ``pydot.Cluster`` for ``subgraph=True``.

    Raises:
        ImportError: the package pydot isn't installed.
        ValueError: the model isn't built.

    Example:
        >>> model = Sequential([Input((3,)), Dense(2), Dense(1)])
        >>> graph = model_to_dot(model, show_shapes=True)
        >>> len(graph.get_node_list()), len(graph.get_edge_list())  # one of the nodes holds defaults
        (3, 1)
    """
    if kwargs:
        raise ValueError(f"model_to_dot() received arguments it doesn't know: {', '.join(kwargs)}.")
    if not getattr(model, "built", False):
        raise ValueError(
            f"{model!r} can't be drawn before it is built, as its layers aren't connected yet. Call it on data or its "
            "build() first."
        )
    drawing = _Drawing(
        _pydot(), show_shapes, show_dtype, show_layer_names, expand_nested, show_layer_activations, show_trainable
    )
    if subgraph:
        return drawing.box(model)
    graph = drawing.pydot.Dot(graph_type="digraph", rankdir=rankdir, concentrate=True, dpi=dpi, splines=splines)
    graph.add_node(drawing.pydot.Node("node", shape="record"))
    drawing.fill(graph, model)
    return graph


def plot_model(
    model: Any,
    to_file: Any = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
    **kwargs: Any,
) -> Any:
    """Draw a model into a file.

    Args:
        model: a built model.
        to_file: the file. Its ending says the format (``png``, ``svg``, ``pdf`` and more); PNG without one.
        show_shapes, show_dtype, show_layer_names, rankdir, expand_nested: as in ``model_to_dot``.
        dpi, show_layer_activations, show_trainable, splines: as there.

    Returns:
        The picture for a notebook where IPython is installed, but of a PDF; else None.

    Raises:
        ImportError: the package pydot or the program Graphviz isn't installed.
        ValueError: the model isn't built, or Graphviz doesn't write that format.

    Example:
        >>> model = Sequential([Input((3,)), Dense(2)])
        >>> plot_model(model, "model.png", show_shapes=True)  # doctest: +SKIP
    """
    graph = model_to_dot(
        model,
        show_shapes=show_shapes,
        show_dtype=show_dtype,
        show_layer_names=show_layer_names,
        rankdir=rankdir,
        expand_nested=expand_nested,
        dpi=dpi,
        show_layer_activations=show_layer_activations,
        show_trainable=show_trainable,
        splines=splines,
        **kwargs,
    )
    program = shutil.which("dot")
    if program is None:
        raise ImportError(
            "plot_model() draws with Graphviz, whose program 'dot' wasn't found. Install it, by `apt install graphviz`, "
            "`brew install graphviz` or from https://graphviz.org/download; model_to_dot() does without."
        )
    path = pathlib.Path(to_file)
    picture = path.suffix[1:].lower() or "png"
    command = [program, f"-T{picture}", "-o", str(path)]
    done = subprocess.run(command, input=graph.to_string().encode(), capture_output=True, check=False)
    if done.returncode:
        raise ValueError(f"Graphviz can't write {str(path)!r}: {done.stderr.decode(errors='replace').strip()}")
    return _for_notebooks(path, picture)


def _for_notebooks(path: pathlib.Path, picture: str) -> Any:
    try:
        from IPython import display  # pyright: ignore[reportMissingImports]
    except ImportError:
        return None
    if picture == "pdf":
        return None
    return display.SVG(filename=str(path)) if picture == "svg" else display.Image(filename=str(path))


def _pydot() -> Any:
    try:
        import pydot
    except ImportError as error:
        raise ImportError(
            "Models are drawn with the package 'pydot', which isn't installed. Install it with `pip install triceras[plot]`."
        ) from error
    return pydot


@dataclasses.dataclass(frozen=True)
class _Drawing:
    """Fills graphs of pydot with nodes and edges."""

    pydot: Any
    shapes: bool
    dtypes: bool
    names: bool
    expand: bool
    activations: bool
    trainable: bool

    def box(self, model: Any) -> Any:
        """A model in a dashed box."""
        # Models in different models may have the same name, but graphs with the same name are one.
        label = f'"{model.name.translate(_ENTITIES)}"'
        cluster = self.pydot.Cluster(str(id(model)), style="dashed", label=label, labeljust="l")
        self.fill(cluster, model)
        return cluster

    def fill(self, graph: Any, model: Any) -> None:
        """Add a model's layers to a graph, and what connects them."""
        calls = _calls(model)
        for operation, node in calls.items():
            if self._expands(operation):
                graph.add_subgraph(self.box(operation))
                continue
            label = f"<{self._label(operation, node)}>"
            graph.add_node(self.pydot.Node(str(id(operation)), label=label, fontname="Helvetica", border=0, margin=0))
        for source, target in dict.fromkeys(self._edges(model, calls)):
            graph.add_edge(self.pydot.Edge(source, target, penwidth=2))

    def _edges(self, model: Any, drawn: Container[Any]) -> Iterator[tuple[str, str]]:
        for node in _nodes(model):
            for to, tensor in enumerate(node.input_tensors):
                source, _, at = tensor._keras_history or (None, 0, 0)
                target = self._end(node.operation, "inputs", to)
                if source in drawn and target:
                    yield self._end(source, "outputs", at), target

    def _expands(self, operation: Any) -> bool:
        return self.expand and isinstance(operation, Functional | Sequential)

    def _end(self, operation: Any, side: str, position: int) -> str:
        """The name of the node where an edge at some input or output of an operation ends; empty if that isn't used."""
        while self._expands(operation):
            tensor = getattr(operation, side)[position]
            source, _, at = tensor._keras_history
            if source in _calls(operation):
                operation, position = source, at
                continue
            # The input layer of a Sequential isn't drawn, and a model may begin in the middle of another: what takes it is.
            takers = (
                (node.operation, to)
                for node in _nodes(operation)
                for to, x in enumerate(node.input_tensors)
                if x is tensor
            )
            operation, position = next(takers, (None, 0))
        return str(id(operation)) if operation is not None else ""

    def _label(self, operation: Any, node: Node | None) -> str:
        kind = _kind(operation).translate(_ENTITIES)
        title = f"<b>{operation.name.translate(_ENTITIES)}</b> ({kind})" if self.names else f"<b>{kind}</b>"
        cells = list(self._cells(operation, node))
        span = f'colspan="{len(cells) or 1}"'
        rows = [f'<tr><td {span} bgcolor="black"><font point-size="16" color="white">{title}</font></td></tr>']
        activation = getattr(operation, "activation", None)
        if self.activations and activation is not None:
            name = getattr(activation, "__name__", None) or getattr(activation, "name", type(activation).__name__)
            rows.append(f"<tr>{_cell('white', 'Activation', name, span)}</tr>")
        if cells:
            rows.append(f"<tr>{''.join(cells)}</tr>")
        table = '<table border="0" cellborder="1" bgcolor="black" cellpadding="10">'
        return f"{table}{''.join(rows)}</table>"

    def _cells(self, operation: Any, node: Node | None) -> Iterator[str]:
        inputs, outputs = (node.input_tensors, node.output_tensors) if node else ([], [])
        if self.shapes and not isinstance(operation, InputLayer):
            yield _cell("white", "Input shape", _said([x.shape for x in inputs]))
        if self.shapes:
            yield _cell("white", "Output shape", _said([x.shape for x in outputs]))
        if self.dtypes:
            yield _cell("white", "Output dtype", _said([x.dtype for x in outputs]))
        if self.trainable and getattr(operation, "weights", []):
            colour, text = _TRAINABLE[bool(operation.trainable)]
            yield f'<td bgcolor="{colour}"><font point-size="14" color="white"><b>{text}</b></font></td>'


def _cell(colour: str, what: str, value: str, span: str = "") -> str:
    return (
        f'<td bgcolor="{colour}" {span}><font point-size="14">{what}: <b>{value.translate(_ENTITIES)}</b></font></td>'
    )


def _said(values: list[Any]) -> str:
    return "?" if not values else str(values[0] if len(values) == 1 else values)


def _kind(operation: Any) -> str:
    if isinstance(operation, OpCall):
        return "".join(part.capitalize() for part in operation.op.name.split("_"))
    return type(operation).__name__


def _nodes(model: Any) -> list[Node]:
    """The calls that a model consists of: none if it is more than a graph of layers."""
    if isinstance(model, Functional):
        return model._nodes
    if isinstance(model, Sequential):
        return [x for x in Function(model.inputs, model.outputs, name=model.name)._nodes if not x.is_input]
    return []


def _calls(model: Any) -> dict[Any, Node | None]:
    """What is drawn of a model -> the first call of each."""
    if not isinstance(model, Functional | Sequential):
        return {model: None}
    first: dict[Any, Node | None] = {node.operation: node for node in reversed(_nodes(model))}
    return {operation: first[operation] for operation in getattr(model, "operations", model.layers)}

"""Models as graphs for Graphviz: what is in them, and that Graphviz takes them."""

from __future__ import annotations

import html
import pathlib
import re
import shutil
import sys
import xml.etree.ElementTree as ElementTree
from typing import Any

import numpy as np
import pytest

import triceras
from tests import black_box
from triceras import Input, Model, Sequential, layers
from triceras.backends.base import Backend
from triceras.utils import model_to_dot, plot_model

Dense = layers.Dense

#: Code that makes models, for us and for Keras: it sees `keras` and gives `models`, a dictionary.
MODELS = """
from {package} import Input, Model, Sequential, layers, ops
Dense = layers.Dense
x, y = Input((4,), name="x"), Input((3,), name="y")
shared = Dense(4, name="shared")
a, b = Input((4,), name="a"), Input((4,), name="b")
two = Model([a, b], [layers.Add(name="sum")([a, b]), Dense(3, name="wide")(b)], name="two")
stack = Sequential([Input((4,)), Dense(4, "relu", name="d1"), Dense(4, name="d2")], name="stack")
deep = Sequential([Input((4,)), Dense(2, name="q"), Sequential([Dense(3, name="r"), Dense(4, name="s")], name="inside")])
level = Model(a, stack(a), name="level")
first, second = two([x, stack(x)])

models = dict(
    branches=Model([x, y], ops.relu(layers.Add(name="plus")([Dense(3, name="h")(x), y]) * 2)),
    chain=stack,
    deep_chain=deep,
    shared=Model(x, shared(shared(x))),
    twice=Model(x, two([x, two([x, x])[0]])),
    several=Model(x, [first, second]),
    levels=Model(x, Dense(1, name="end")(level(x))),
    both_sides=Model(x, ops.add(x, x)),
    splits=Model(x, ops.split(x, 2)),
    sequences=Sequential([Input((5, 4)), layers.TimeDistributed(Dense(3), name="each"), layers.LSTM(2, name="lstm")]),
)
"""
#: Turns a graph's text into boxes, labels and edges by name.
READ = r"""
import re
def read(text):
    labels = dict(re.findall(r"^(\d+) \[label=<(.*)>, fontname", text, re.M))
    name = {key: re.sub("<[^>]+>", " ", label).split()[0] for key, label in labels.items()}
    nodes = sorted(re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", label)).strip() for label in labels.values())
    edges = sorted([name[one], name[other]] for one, other in re.findall(r"^(\d+) -[->] (\d+)", text, re.M))
    return [nodes, edges, re.findall(r'^label="?(\w+)', text, re.M)]
"""
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "expanded": {"expand_nested": True},
    "all": {"show_shapes": True, "show_dtype": True, "show_layer_activations": True, "show_trainable": True},
    "expanded_all": {"show_shapes": True, "show_dtype": True, "show_trainable": True, "expand_nested": True},
    "box": {"subgraph": True, "expand_nested": True},
}


def our_models() -> dict[str, Model]:
    triceras.utils.clear_session()
    names: dict[str, Any] = {}
    exec(MODELS.format(package="triceras"), names)
    return names["models"]


def read(text: str) -> list[Any]:
    """Labels without markup, edges by names, boxes."""
    names: dict[str, Any] = {}
    exec(READ, names)
    return names["read"](text)


def test_graphs_are_those_of_keras() -> None:
    code = (
        MODELS.format(package="keras")
        + READ
        + """
def answer(row):
    return read(keras.utils.model_to_dot(models[row[0]], **row[1]).to_string())
"""
    )
    rows = [[name, options] for name in our_models() for options in OPTIONS.values()]
    models = our_models()
    for (name, options), expected in zip(rows, black_box.run(code, rows), strict=True):
        nodes, edges, boxes = read(model_to_dot(models[name], **options).to_string())
        assert (nodes, edges) == (expected[0], expected[1]), (name, options)
        assert boxes == expected[2] or options.get("subgraph"), (name, options)
    assert len(rows) == 50


def test_what_a_node_tells(backend: Backend) -> None:
    model = Sequential(
        [Input((4,)), Dense(2, "relu", name="one", dtype="mixed_bfloat16"), Dense(3, name="two")], name="m"
    )
    model.layers[1].trainable = False
    every = {"show_shapes": True, "show_dtype": True, "show_layer_activations": True, "show_trainable": True}
    nodes, edges, _ = read(model_to_dot(model, **every).to_string())
    shapes = "Input shape: (None, 4) Output shape: (None, 2) Output dtype: bfloat16 Trainable"
    assert nodes[0] == f"one (Dense) Activation: relu {shapes}"
    assert nodes[1].endswith("Output dtype: float32 Non-trainable")
    assert edges == [["one", "two"]]
    assert read(model_to_dot(model, show_layer_names=False).to_string())[0] == ["Dense", "Dense"]
    graph = model_to_dot(model, rankdir="LR", dpi=96, splines="curved")
    assert (graph.get_rankdir(), graph.get_dpi(), graph.get_splines()) == ("LR", 96, "curved")


def test_nodes_are_named_by_their_layers() -> None:
    model = our_models()["levels"]
    graph = model_to_dot(model)
    assert {node.get_name() for node in graph.get_nodes()} == {"node", *(str(id(x)) for x in model.operations)}
    (box,) = model_to_dot(model, expand_nested=True).get_subgraphs()
    assert box.get_name() == f"cluster_{id(model.get_layer('level'))}"
    assert len(box.get_subgraphs()) == 1


def test_a_box_in_a_larger_graph() -> None:
    import pydot

    graph = pydot.Dot(graph_type="digraph")
    graph.add_subgraph(model_to_dot(our_models()["chain"], subgraph=True))
    nodes, edges, boxes = read(graph.to_string())
    assert (nodes, edges, boxes) == (["d1 (Dense)", "d2 (Dense)"], [["d1", "d2"]], ["stack"])
    assert " -> " in graph.to_string()


class Subclassed(Model):
    def __init__(self) -> None:
        super().__init__(name="whole")
        self.dense = Dense(2)

    def call(self, x: Any) -> Any:
        return self.dense(x)


def test_a_subclassed_model_is_one_node(backend: Backend) -> None:
    model = Subclassed()
    with pytest.raises(
        ValueError, match=r"name=whole.* can't be drawn before it is built.*Call it on data or its\s+build"
    ):
        model_to_dot(model)
    with pytest.raises(ValueError, match="can't be drawn before it is built"):
        plot_model(Sequential([Dense(2)]), "never.png")
    model(np.zeros((1, 4), "float32"))
    assert read(model_to_dot(model, show_shapes=True, expand_nested=True).to_string())[0] == [
        "whole (Subclassed) Input shape: ? Output shape: ?"
    ]
    x = Input((4,), name="x")
    outer = Model(x, model(x))
    assert read(model_to_dot(outer, expand_nested=True).to_string())[1] == [["x", "whole"]]


def test_a_model_cut_out_of_another() -> None:
    x, outer = Input((4,), name="x"), Input((4,), name="outer")
    middle = Dense(4, name="before")(x)
    cut = Model(middle, Dense(1, name="last")(Dense(4, name="after")(middle)), name="cut")
    _, edges, _ = read(model_to_dot(Model(outer, cut(outer)), expand_nested=True).to_string())
    assert edges == [["after", "last"], ["outer", "after"]]


def test_a_shared_layer_shows_its_call_in_the_model() -> None:
    layer = layers.Dropout(0.5, name="shared")
    layer(Input((7,)))
    x = Input((4,))
    for model in (Model(x, layer(x)), Sequential([Input((4,)), layer])):
        assert "Output shape: (None, 4)" in read(model_to_dot(model, show_shapes=True).to_string())[0][-1]


AWKWARD = """a<b>|{"x"}&amp;\\N'é"""


def awkward() -> Model:
    inside = Sequential([Input((4,)), Dense(2, activation=lambda x: x, name=AWKWARD)], name=AWKWARD)
    x = Input((4,), name="<x>")
    return Model(x, inside(x))


def test_names_are_escaped() -> None:
    text = model_to_dot(awkward(), expand_nested=True, show_layer_activations=True).to_string()
    (label,) = re.findall(r"label=<(.*a&#60;b.*)>, fontname", text)
    said = "".join(ElementTree.fromstring(label).itertext())
    written = AWKWARD.replace("\\", 2 * "\\")
    assert said == f"{written} (Dense)Activation: <lambda>"
    (box,) = re.findall('label="(.*)"', text)
    assert html.unescape(box) == written
    assert not set(box) & set('<>"|{}\\')


def test_pictures(tmp_path: pathlib.Path) -> None:
    """Where Graphviz is installed it draws; where it isn't, the error says so."""
    if shutil.which("dot") is None:
        with pytest.raises(ImportError, match="Graphviz, whose program 'dot' wasn't found"):
            plot_model(awkward(), tmp_path / "model.png")
        return
    every = {"show_shapes": True, "show_dtype": True, "show_layer_activations": True, "show_trainable": True}
    plot_model(awkward(), tmp_path / "model.png", expand_nested=True, dpi=40, **every)
    assert (tmp_path / "model.png").read_bytes().startswith(b"\x89PNG")
    plot_model(awkward(), str(tmp_path / "model"), dpi=40)
    assert (tmp_path / "model").read_bytes().startswith(b"\x89PNG")
    plot_model(awkward(), tmp_path / "model.svg", expand_nested=True, show_layer_names=True)
    drawn = [x.text for x in ElementTree.parse(tmp_path / "model.svg").iter("{http://www.w3.org/2000/svg}text")]
    assert drawn.count(AWKWARD) == 2  # a box and a layer
    assert {"<x>", " (InputLayer)"} <= set(drawn)
    with pytest.raises(ValueError, match=r'can\'t write .*model.nothing.*Format: "nothing" not recognized'):
        plot_model(awkward(), tmp_path / "model.nothing")


def test_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    model = our_models()["chain"]
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ImportError, match=r"'dot' wasn't found\. Install it, by `apt install graphviz`.*model_to_dot"):
        plot_model(model)
    assert len(model_to_dot(model).get_edges()) == 1
    monkeypatch.setitem(sys.modules, "pydot", None)
    with pytest.raises(
        ImportError, match=r"'pydot', which isn't installed. Install it with `pip install triceras\[plot\]`"
    ):
        plot_model(model)


@pytest.mark.parametrize("draw", [model_to_dot, plot_model])
def test_unknown_arguments(draw: Any) -> None:
    with pytest.raises(ValueError, match=r"arguments it doesn't know: layer_range"):
        draw(our_models()["chain"], layer_range=["d1", "d2"])


def test_the_picture_in_a_notebook(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    import types

    display = types.SimpleNamespace(Image=lambda filename: ("image", filename), SVG=lambda filename: ("svg", filename))
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(display=display))
    monkeypatch.setattr(shutil, "which", lambda name: sys.executable)
    monkeypatch.setattr("subprocess.run", lambda *args, **kwargs: types.SimpleNamespace(returncode=0))
    model = our_models()["chain"]
    assert plot_model(model, tmp_path / "m.png") == ("image", str(tmp_path / "m.png"))
    assert plot_model(model, tmp_path / "m.SVG") == ("svg", str(tmp_path / "m.SVG"))
    assert plot_model(model, tmp_path / "m.pdf") is None

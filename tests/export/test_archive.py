"""What ``ExportArchive`` and ``Model.export`` take: endpoints, structures, functions of one's own, 16-bit models, faults."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest

import triceras
from tests.export import readers
from triceras import InputSpec, Sequential, layers, ops
from triceras.backends.registry import backend_scope
from triceras.export import ExportArchive, ExportError
from triceras.export.formats import FORMATS

SOURCES = ("jax", "torch", "tensorflow")
X = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")


def _dense(source: str, **kwargs: Any) -> Any:
    with backend_scope(source):
        return Sequential([triceras.Input((4,), name="given"), layers.Dense(3, "tanh", **kwargs)])


def _numpy(x: Any) -> np.ndarray:
    return np.asarray(x.detach() if hasattr(x, "detach") else x)


@pytest.mark.parametrize("source", SOURCES)
def test_endpoints_of_a_saved_model(source: str, tmp_path: pathlib.Path) -> None:
    tf = pytest.importorskip("tensorflow")
    model = _dense(source)
    archive = ExportArchive()
    call = archive.track_and_add_endpoint("serve", model)
    archive.add_endpoint("scaled", lambda x: 2 * ops.relu(model(x)), [InputSpec(shape=(None, 4), dtype="float32")])
    archive.add_endpoint("plain", model.call, [InputSpec(shape=(2, 4))])

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string)])
    def from_text(lines: Any) -> Any:
        return call(tf.strings.to_number(tf.strings.split(lines, ",").to_tensor()))

    archive.add_endpoint("from_text", from_text)
    archive.add_variable_collection("kernels", [model.layers[0].kernel])
    archive.write_out(tmp_path / "model", verbose=False)
    loaded = tf.saved_model.load(str(tmp_path / "model"))
    wanted = ops.convert_to_numpy(model(X))
    np.testing.assert_allclose(loaded.serve(X), wanted, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(loaded.scaled(X), 2 * np.maximum(wanted, 0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(loaded.plain(X[:2]), wanted[:2], rtol=1e-5, atol=1e-6)
    lines = tf.constant([",".join(map(str, row)) for row in X])
    np.testing.assert_allclose(loaded.signatures["from_text"](lines)["output_0"], wanted, rtol=1e-5, atol=1e-6)
    assert sorted(loaded.signatures) == ["from_text", "plain", "scaled", "serve", "serving_default"]
    assert loaded.signatures["serving_default"].structured_input_signature[1]["given"].shape == (None, 4)
    assert [v.shape for v in loaded.kernels] == [(4, 3)]
    assert (len(loaded.variables), len(loaded.trainable_variables), len(loaded.non_trainable_variables)) == (2, 2, 0)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(loaded.serve(X))
    assert all(g is not None for g in tape.gradient(loss, loaded.trainable_variables))


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("kind", ["torch", "stablehlo", "onnx", "litert"])
def test_endpoints_of_other_formats(kind: str, source: str, tmp_path: pathlib.Path) -> None:
    """A file for each endpoint, or one file for all; functions of ops and layers move with their models."""
    model = _dense(source)
    archive = ExportArchive(format=kind)
    archive.track(model)
    archive.add_endpoint("serve", model)
    archive.add_endpoint(
        "scaled", lambda x: {"twice": 2 * model(x)}, [InputSpec(shape=(None, 4), dtype="float32", name="x")]
    )
    archive.write_out(tmp_path / "model", verbose=False)
    wanted = ops.convert_to_numpy(model(X))
    if kind == "litert":
        interpreter = pytest.importorskip("ai_edge_litert.interpreter").Interpreter(str(tmp_path / "model"))
        got = [
            interpreter.get_signature_runner("serving_default")(given=X),
            interpreter.get_signature_runner("scaled")(x=X),
        ]
    else:
        files = [tmp_path / "model" / f"{name}{FORMATS[kind].suffix}" for name in ("serve", "scaled")]
        got = [readers.READERS[kind](str(path))({name: X}) for path, name in zip(files, ("given", "x"), strict=True)]
    first = next(iter(got[0].values())) if isinstance(got[0], dict) else got[0]
    np.testing.assert_allclose(_numpy(first), wanted, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(_numpy(got[1]["twice"]), 2 * wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("source", SOURCES)
def test_weights_are_those_of_when_it_is_written(source: str, tmp_path: pathlib.Path) -> None:
    model = _dense(source)
    archive = ExportArchive(format="stablehlo")
    archive.track_and_add_endpoint("serve", model)
    model.layers[0].kernel.assign(np.zeros((4, 3)))
    archive.write_out(tmp_path / "model", verbose=False)
    np.testing.assert_array_equal(readers.READERS["stablehlo"](str(tmp_path / "model"))({"given": X}), 0)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("kind", ["tf_saved_model", "torch", "stablehlo", "onnx", "litert"])
def test_mixed_precision(kind: str, policy: str, tmp_path: pathlib.Path) -> None:
    with backend_scope(SOURCES[len(kind) % 3]):
        hidden = [layers.Dense(8, "relu", dtype=policy), layers.LayerNormalization(dtype=policy)]
        model = Sequential([triceras.Input((4,), name="given"), *hidden, layers.Dense(3, dtype="float32")])
    model.export(tmp_path / "model", format=kind)
    got = readers.READERS[kind](str(tmp_path / "model"))({"given": X})
    got = next(iter(got.values())) if isinstance(got, dict) else got
    np.testing.assert_allclose(_numpy(got), ops.convert_to_numpy(model(X)), rtol=0.02, atol=0.02)


def test_sizes_that_must_be_equal_or_small(tmp_path: pathlib.Path) -> None:
    """Two sequences of one length are added; positions have a table of eight."""
    with backend_scope("torch"):
        a, b = triceras.Input((None, 4), name="a"), triceras.Input((None, 4), name="b")
        table = layers.Embedding(8, 4)
        places = ops.cumsum(ops.ones_like(a[..., 0], dtype="int32"), axis=1) - 1
        model = triceras.Model([a, b], layers.Dense(2)(layers.Add()([a, b]) + table(places)))
    data = {"a": np.ones((3, 6, 4), "float32"), "b": np.zeros((3, 6, 4), "float32")}
    wanted = ops.convert_to_numpy(model(list(data.values())))
    for kind in ("torch", "stablehlo", "onnx", "tf_saved_model"):
        model.export(tmp_path / kind, format=kind)
        got = readers.READERS[kind](str(tmp_path / kind))(data)
        got = next(iter(got.values())) if isinstance(got, dict) else got
        np.testing.assert_allclose(_numpy(got), wanted, rtol=1e-5, atol=1e-5, err_msg=kind)


@pytest.mark.parametrize("kind", ["torch", "stablehlo", "onnx", "tf_saved_model", "litert"])
def test_images_of_any_size(kind: str, tmp_path: pathlib.Path) -> None:
    with backend_scope(SOURCES[len(kind) % 3]):
        body = [layers.Conv2D(8, 3, strides=2, padding="same"), layers.SeparableConv2D(4, 3), layers.MaxPooling2D()]
        more = [layers.AveragePooling2D(3, 2, "same"), layers.MaxPooling2D(2, 2, "same")]
        if kind != "litert":  # which loses the number of channels on the way
            more += [layers.Conv2DTranspose(4, 3, 2), layers.UpSampling2D()]
        last = [layers.Conv2D(32, 3, padding="same"), layers.GlobalAveragePooling2D()]
        model = Sequential([triceras.Input((None, None, 3), name="given"), *body, *more, *last])
    model.export(tmp_path / "model", format=kind)
    run = readers.READERS[kind](str(tmp_path / "model"))
    for shape in ((1, 40, 53, 3), (3, 33, 48, 3)):
        x = np.random.default_rng(1).normal(size=shape).astype("float32")
        got = run({"given": x})
        got = next(iter(got.values())) if isinstance(got, dict) else got
        np.testing.assert_allclose(_numpy(got), ops.convert_to_numpy(model(x)), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", ["torch", "stablehlo", "onnx", "litert"])
@pytest.mark.parametrize("layer", ["ConvLSTM1D", "SimpleRNN", "GRU", "stacked"])
def test_recurrences(layer: str, kind: str, tmp_path: pathlib.Path) -> None:
    """The states may begin as one tensor, several layers may be stacked, sequences may be gone through from behind."""
    with backend_scope(SOURCES[len(kind) % 3]):
        shape = (None, 6, 3) if layer == "ConvLSTM1D" else (None, 3)
        cells = [layers.LSTMCell(4), layers.GRUCell(3, reset_after=False)]
        made = {
            "ConvLSTM1D": lambda: layers.ConvLSTM1D(4, 3, return_sequences=True),
            "stacked": lambda: layers.RNN(cells, go_backwards=True, return_sequences=True),
        }
        inner = made.get(layer, lambda: getattr(layers, layer)(4, go_backwards=True, return_state=True))()
        inputs = triceras.Input(shape, name="given")
        model = triceras.Model(inputs, inner(inputs))
    model.export(tmp_path / "model", format=kind)
    run = readers.READERS[kind](str(tmp_path / "model"))
    for rows, length in ((1, 4), (3, 7)):
        x = np.random.default_rng(1).normal(size=(rows, length, *shape[1:])).astype("float32")
        got, wanted = run({"given": x}), triceras.tree.flatten(model(x))
        found = [got[key] for key in sorted(got)] if isinstance(got, dict) else triceras.tree.flatten(got)
        for a, b in zip(found, wanted, strict=True):
            np.testing.assert_allclose(_numpy(a), ops.convert_to_numpy(b), rtol=1e-5, atol=1e-5)


# ---- faults ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FORMATS)
def test_a_layer_that_a_format_cant_express_is_named(kind: str, tmp_path: pathlib.Path) -> None:
    class Looking(layers.Layer):
        def call(self, x: Any) -> Any:
            return x * float(ops.convert_to_numpy(x).sum())

        def compute_output_shape(self, input_shape: Any) -> Any:
            return input_shape

    with backend_scope(FORMATS[kind].backend):
        model = Sequential([triceras.Input((4,)), layers.Dense(2), Looking(name="looking")])
    names = {"tf_saved_model": "saved_model.pb", "tfjs": "model.json"}
    before = tmp_path / "model" / names[kind] if kind in names else tmp_path / "model"
    before.parent.mkdir(exist_ok=True)
    before.write_text("before")
    message = rf"Endpoint 'serve' can't be exported to '{kind}', for layer '.*looking' \(Looking\)"
    with pytest.raises(ExportError, match=message):
        model.export(tmp_path / "model", format=kind)
    assert before.read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("kind", ["onnx", "litert"])
def test_an_op_that_a_converter_lacks_is_named(kind: str, tmp_path: pathlib.Path) -> None:
    class Eigen(layers.Layer):
        def call(self, x: Any) -> Any:
            return ops.eigh(ops.matmul(x, ops.swapaxes(x, -1, -2)))[0]

    with backend_scope("jax"):
        model = Sequential([triceras.Input((3, 3)), layers.Dense(3), Eigen(name="eigen")])
    with pytest.raises(ExportError, match=rf"can't be exported to '{kind}', for layer '.*eigen' \(Eigen\): "):
        model.export(tmp_path / "model", format=kind)


def test_a_signature_that_doesnt_fit_names_the_input(tmp_path: pathlib.Path) -> None:
    with backend_scope("jax"):
        a, b = triceras.Input((4,), name="left"), triceras.Input((6,), name="right")
        model = triceras.Model({"left": a, "right": b}, layers.Dense(2)(layers.Concatenate()([a, b])))
    wrong = {"left": InputSpec(shape=(None, 4)), "right": InputSpec(shape=(None, 7))}
    for kind in ("tf_saved_model", "torch", "stablehlo"):
        with pytest.raises(ExportError, match=r"The input 'right' of model .* expected \(None, 6\)"):
            model.export(tmp_path / "model", format=kind, input_signature=[wrong])
        with pytest.raises(ExportError, match=r"misses the inputs \['right'\]"):
            model.export(tmp_path / "model", format=kind, input_signature=[{"left": wrong["left"]}])
    assert not list(tmp_path.iterdir())
    with pytest.raises(ExportError, match=r"has 3 for the input 'left'. Expected something with a shape"):
        model.export(tmp_path / "model", input_signature=[{"left": 3, "right": wrong["right"]}])


@pytest.mark.parametrize("kind", ["tf_saved_model", "stablehlo", "torch"])
def test_parts_of_another_framework(kind: str, tmp_path: pathlib.Path) -> None:
    torch = pytest.importorskip("torch")
    with backend_scope("jax"):
        wrapper = layers.TorchModuleWrapper(torch.nn.Linear(4, 2), name="part")
        model = Sequential([triceras.Input((4,), name="given"), wrapper])
        with pytest.warns(UserWarning, match="runs a part of torch inside a model of jax"):
            wanted = ops.convert_to_numpy(model(X))
    if kind == "torch":
        model.export(tmp_path / "model", format=kind)
        got = readers.READERS[kind](str(tmp_path / "model"))({"given": X})
        np.testing.assert_allclose(_numpy(got), wanted, rtol=1e-5, atol=1e-6)
        return
    with pytest.raises(
        ExportError, match=rf"to '{kind}': layer '.*part' \(TorchModuleWrapper\) runs a part of another framework"
    ):
        model.export(tmp_path / "model", format=kind)


@pytest.mark.parametrize("kind", ["tf_saved_model", "torch", "onnx", "stablehlo"])
def test_state_from_call_to_call(kind: str, tmp_path: pathlib.Path) -> None:
    with backend_scope("torch"):
        model = Sequential(
            [triceras.Input((3, 4), batch_size=2, name="given"), layers.LSTM(5, stateful=True, name="memory")]
        )
    x = np.ones((2, 3, 4), "float32")
    if kind in ("onnx", "stablehlo"):
        with pytest.raises(ExportError, match=r"layer '.*memory' \(LSTM\) keeps its state from one call to the next"):
            model.export(tmp_path / "model", format=kind)
        return
    model.export(tmp_path / "model", format=kind)
    run = readers.READERS[kind](str(tmp_path / "model"))
    for _ in range(3):
        got = run({"given": x})
        got = next(iter(got.values())) if isinstance(got, dict) else got
        np.testing.assert_allclose(_numpy(got), ops.convert_to_numpy(model(x)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["tf_saved_model", "stablehlo"])
def test_what_else_lies_there_stays(kind: str, tmp_path: pathlib.Path) -> None:
    target = tmp_path / "model"
    archive = ExportArchive(format=kind)
    archive.track_and_add_endpoint("serve", _dense("jax"))
    archive.track_and_add_endpoint("again", _dense("jax"))
    archive.write_out(target, verbose=False)
    archive.write_out(target, verbose=False)  # an earlier export is replaced
    (target / "thesis.txt").write_text("mine")
    with pytest.raises(
        ExportError, match=r"The folder .* holds more than an export: \['thesis.txt'\]. Choose another one"
    ):
        archive.write_out(target, verbose=False)
    assert (target / "thesis.txt").read_text() == "mine"
    with pytest.raises(ExportError, match=r"thesis.txt is a file, and a folder is to be written there"):
        archive.write_out(target / "thesis.txt", verbose=False)
    assert (target / "thesis.txt").read_text() == "mine"
    assert not [path.name for path in (*tmp_path.iterdir(), *target.iterdir()) if path.name.startswith(".")]


def test_arguments_that_make_no_sense(tmp_path: pathlib.Path) -> None:
    model = _dense("jax")
    with pytest.raises(ExportError, match=r"Unknown export format 'tflow'. Expected one of: tf_saved_model, litert"):
        model.export(tmp_path / "model", format="tflow")
    with (
        backend_scope("jax"),
        pytest.raises(ExportError, match=r"isn't built, so it has no weights to export. Call it"),
    ):
        Sequential([layers.Dense(2)]).export(tmp_path / "model", format="stablehlo")
    with pytest.raises(ExportError, match=r"'stablehlo' doesn't take these options: .* keyword argument 'opset'"):
        model.export(tmp_path / "model", format="stablehlo", opset=3)
    archive = ExportArchive(format="stablehlo")
    with pytest.raises(ExportError, match=r"There is nothing to write: add_endpoint\(\)"):
        archive.write_out(tmp_path / "model")
    archive.track_and_add_endpoint("serve", model)
    with pytest.raises(ExportError, match=r"There is an endpoint 'serve' already"):
        archive.add_endpoint("serve", model)
    with pytest.raises(ExportError, match=r"An endpoint's name is an identifier, received 'a b'"):
        archive.add_endpoint("a b", model)
    with pytest.raises(ExportError, match=r"Endpoint 'other' needs an input_signature"):
        archive.add_endpoint("other", lambda x: model(x))
    with pytest.raises(ExportError, match=r"Collection 'c' has variables of models that aren't tracked"):
        archive.add_variable_collection("c", _dense("jax").weights)
    tensorflow = ExportArchive()
    tensorflow.track(model)
    with pytest.raises(
        ExportError, match=r"recorded on symbolic tensors for tensorflow, which failed: .* Use ops and layers"
    ):
        tensorflow.add_endpoint("other", lambda x: np.sin(x), [InputSpec(shape=(None, 4))])


def test_packages_that_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnxscript" else find(name))
    with pytest.raises(ImportError, match=r"Exporting to 'onnx' needs onnxscript, .* pip install 'triceras\[onnx\]'"):
        ExportArchive(format="onnx")


def test_tfjs_runs_a_converter(tmp_path: pathlib.Path) -> None:
    """The converter itself is checked in an environment of its own (``make tfjs``); here a program stands for it."""
    model = _dense("torch")
    with pytest.raises(
        ImportError, match=r"Exporting to 'tfjs' runs the program 'nowhere', which isn't there: pip install"
    ):
        model.export(tmp_path / "model", format="tfjs", converter="nowhere")
    program = tmp_path / "converter"
    program.write_text(
        '#!/bin/sh\nmkdir -p "$6" && ls "$5" > "$6/model.json" && echo "$1 $2 $3 $4" >> "$6/model.json"\n'
    )
    program.chmod(0o755)
    model.export(
        tmp_path / "model", format="tfjs", converter=str(program), quantize_float16="*", weight_shard_size_bytes=9
    )
    text = (tmp_path / "model" / "model.json").read_text()
    assert "saved_model.pb" in text
    assert (
        "--input_format=tf_saved_model --quantize_float16=* --weight_shard_size_bytes=9 --signature_name=serve" in text
    )
    program.write_text("#!/bin/sh\necho 'Unsupported ops:' >&2; echo 'Tanh, Foo' >&2; exit 1\n")
    with pytest.raises(
        ExportError, match=r"can't be exported to 'tfjs', for layer '.*dense.*' \(Dense\): RuntimeError: Tanh"
    ):
        model.export(tmp_path / "other", format="tfjs", converter=str(program))
    assert not (tmp_path / "other").exists()


def test_what_is_printed(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    _dense("jax").export(tmp_path / "model", format="stablehlo", verbose=True)
    assert capsys.readouterr().out == f"Saved stablehlo to {tmp_path / 'model'}.\n  serve(given: float32[None, 4])\n"

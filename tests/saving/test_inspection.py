"""Looking into files: the editor, and ``triceras inspect``, neither of which needs a framework."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import zipfile
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np
import pytest

import triceras
from triceras import layers
from triceras.backends.registry import backend_scope
from triceras.cli import main
from triceras.core import objects
from triceras.saving import KerasFileEditor
from triceras.saving.contents import Contents
from triceras.saving.shards import GIGABYTE


def made(units: int = 8) -> triceras.Model:
    inner = triceras.Sequential([triceras.Input((units,)), layers.Dense(3, name="deep")], name="inner")
    return triceras.Sequential(
        [
            triceras.Input((4,), name="input"),
            layers.Dense(units, name="first"),
            layers.BatchNormalization(name="norm"),
            inner,
        ],
        name="outer",
    )


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A folder with one model in files of all kinds."""
    folder = tmp_path_factory.mktemp("files")
    with backend_scope("numpy"):
        triceras.utils.set_random_seed(0)
        model = made()
        model.save(folder / "m.keras")
        model.save(folder / "folder", zipped=False)
        for ending in ("weights.h5", "safetensors"):
            model.save_weights(folder / f"m.{ending}")
            model.save_weights(folder / f"m.{ending}", max_shard_size=300 / GIGABYTE)
    return folder


KINDS = ["m.keras", "folder", "m.weights.h5", "m.weights.json", "m.safetensors", "m.safetensors.index.json"]
EDITABLE = ["m.keras", "m.weights.h5", "m.weights.json"]


def shapes(node: dict[str, Any]) -> dict[str, Any]:
    return {name: shapes(value) if isinstance(value, dict) else value.shape for name, value in node.items()}


LAYERS = {
    "batch_normalization": {"0": (8,), "1": (8,), "2": (8,), "3": (8,)},
    "dense": {"0": (4, 8), "1": (8,)},
    "sequential": {"layers": {"dense": {"0": (8, 3), "1": (3,)}}},
}


# ---- the editor ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EDITABLE)
def test_summary_and_comparison(files: pathlib.Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    editor = KerasFileEditor(str(files / name))
    assert shapes(editor.weights_dict) == {"layers": LAYERS}
    assert (editor.config is not None) == (name == "m.keras")
    editor.summary()
    printed = capsys.readouterr().out
    assert "in" in printed.split("weights\n")[0]
    for text in ("batch_normalization", "0: shape=(4, 8), dtype=float32", "1: shape=(3,), dtype=float32"):
        assert text in printed
    with backend_scope("numpy"):
        assert editor.compare(made()) == {"status": "success", "error_count": 0, "match_count": 8}
        capsys.readouterr()
        found = editor.compare(made(7))
        assert found == {"status": "error", "error_count": 7, "match_count": 1}
        assert "layers/dense/0: the model has (4, 7), the file (4, 8)" in capsys.readouterr().out
        editor.add_weights("batch_normalization", {"4": np.ones(2)})
        editor.delete_object("sequential")
        assert editor.compare(made()) == {"status": "error", "error_count": 3, "match_count": 6}
        assert "layers/batch_normalization/4: the model has nothing, the file (2,)" in capsys.readouterr().out


#: What is done, and what the layers are then.
EDITS: dict[str, tuple[Callable[[KerasFileEditor], Any], Callable[[dict[str, Any]], Any]]] = {
    "nothing": (lambda e: None, lambda d: None),
    "rename": (
        lambda e: e.rename_object("batch_normalization", "x"),
        lambda d: d.update(x=d.pop("batch_normalization")),
    ),
    "rename by path": (lambda e: e.rename_object("layers/dense", "x"), lambda d: d.update(x=d.pop("dense"))),
    "rename an inner one": (
        lambda e: e.rename_object("layers/sequential/layers/dense", "x"),
        lambda d: d["sequential"].update(layers={"x": {"0": (8, 3), "1": (3,)}}),
    ),
    "delete": (lambda e: e.delete_object("sequential"), lambda d: d.pop("sequential")),
    "delete by path": (lambda e: e.delete_object("layers/dense"), lambda d: d.pop("dense")),
    "delete a weight": (lambda e: e.delete_weight("layers/dense", "1"), lambda d: d["dense"].pop("1")),
    "add": (lambda e: e.add_object("layers/x", {"0": np.ones((2, 1))}), lambda d: d.update(x={"0": (2, 1)})),
    "add a nested one": (
        lambda e: e.add_object("layers/x", {"0": [1.0, 2.0], "in": {"0": 3}}),
        lambda d: d.update(x={"0": (2,), "in": {"0": ()}}),
    ),
    "add inside": (
        lambda e: e.add_object("layers/dense/x", {"0": np.ones(2)}),
        lambda d: d["dense"].update(x={"0": (2,)}),
    ),
    "add weights": (
        lambda e: e.add_weights("batch_normalization", {"0": np.ones(2), "9": np.ones(1)}),
        lambda d: d["batch_normalization"].update({"0": (2,), "9": (1,)}),
    ),
}


@pytest.mark.parametrize("name", EDITABLE)
@pytest.mark.parametrize("edit", EDITS)
def test_edits(files: pathlib.Path, tmp_path: pathlib.Path, name: str, edit: str) -> None:
    change, expect = EDITS[edit]
    editor = KerasFileEditor(files / name)
    change(editor)
    expected = json.loads(json.dumps(LAYERS), parse_float=int)
    expect(expected)
    for save in (editor.save, editor.resave_weights):
        save(tmp_path / "new.weights.h5")
        again = KerasFileEditor(tmp_path / "new.weights.h5")
        assert json.loads(json.dumps(shapes(again.weights_dict)["layers"])) == json.loads(json.dumps(expected))
    if "dense" in expected and expected["dense"] == LAYERS["dense"]:
        kept = again.weights_dict["layers"]["dense"]["0"].numpy()
        np.testing.assert_array_equal(kept, KerasFileEditor(files / name).weights_dict["layers"]["dense"]["0"].numpy())
    if edit == "nothing":
        with backend_scope("numpy"):
            model, other = made(), made()
            model.load_weights(tmp_path / "new.weights.h5")
            other.load_weights(files / name)
            for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
                np.testing.assert_array_equal(a, b)


MISTAKES: list[tuple[Callable[[KerasFileEditor], Any], str]] = [
    (
        lambda e: e.delete_object("dense"),
        r"'dense' is the name of several objects: pass a path, one of layers/dense, layers/seq",
    ),
    (lambda e: e.delete_object("none"), r"There is no object 'none'; editor\.summary\(\) shows"),
    (lambda e: e.delete_object("layers/none"), "There is no object 'layers/none'"),
    (lambda e: e.delete_object("0"), "There is no object '0'"),
    (lambda e: e.rename_object("layers/dense", "layers/x"), "new_name is a name and not a path"),
    (lambda e: e.rename_object("layers/dense", "sequential"), "There is an object 'sequential' beside"),
    (lambda e: e.delete_weight("layers/dense", "7"), r"'layers/dense' has no weight '7'; it has \['0', '1'\]"),
    (lambda e: e.delete_weight("sequential", "layers"), "has no weight 'layers'"),
    (lambda e: e.add_object("none/x", {}), "There is no object 'none'"),
    (lambda e: e.add_object("layers/x", [1]), "weights is a dictionary from names"),
    (lambda e: e.add_object("layers/x", {0: 1}), "weights is a dictionary from names"),
    (lambda e: e.add_weights("sequential", {"a/b": 1}), "weights is a dictionary from names"),
    (lambda e: e.save("x.keras"), r"ends in '\.weights\.h5', received"),
    (
        lambda e: KerasFileEditor("x.h5"),
        r"Expected a file that ends in '\.keras', '\.weights\.h5' or '\.weights\.json'",
    ),
    (lambda e: KerasFileEditor("x.keras"), r"There is no file x\.keras"),
]


@pytest.mark.parametrize("position", range(len(MISTAKES)))
def test_mistakes(files: pathlib.Path, position: int) -> None:
    mistake, message = MISTAKES[position]
    editor = KerasFileEditor(files / "m.keras")
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        mistake(editor)
    assert shapes(editor.weights_dict) == {"layers": LAYERS}


def test_values_are_read_when_asked_for(files: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    original = h5py.Dataset.__getitem__
    monkeypatch.setattr(
        h5py.Dataset, "__getitem__", lambda self, *args: (read.append(self.name), original(self, *args))[1]
    )
    kernel = KerasFileEditor(files / "m.keras").weights_dict["layers"]["dense"]["0"]
    assert read == []
    assert np.asarray(kernel).shape == (4, 8)
    assert read == ["/layers/dense/vars/0"]


# ---- what a file holds -------------------------------------------------------------------------------------------------


def inspect(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, Any]:
    code = main(["inspect", *map(str, arguments), "--json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("name", KINDS)
def test_descriptions(files: pathlib.Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    code, found = inspect(capsys, files / name)
    assert code == 0
    assert found["totals"] == {"variables": 8, "parameters": 99, "bytes": 396}
    assert {"float32"} == {row["dtype"] for row in found["variables"]}
    assert [found["custom_objects"], found["refused"]] == [[], []]
    has_config = name in ("m.keras", "folder")
    assert found["model"] == ({"class": "Sequential", "name": "outer"} if has_config else {"class": None, "name": None})
    assert found["metadata"].get("keras_version") == ("3.15.1" if has_config else None)
    rows = [
        (0, "input", "InputLayer", 0),
        (0, "first", "Dense", 40),
        (0, "norm", "BatchNormalization", 32),
        (0, "inner", "Sequential", 27),
        (1, "input_layer", "InputLayer", 0),
        (1, "deep", "Dense", 27),
    ]
    found_rows = [(r["depth"], r["name"].rstrip("_0123456789"), r["class"], r["parameters"]) for r in found["layers"]]
    assert found_rows == (rows if has_config else [])
    assert main(["inspect", str(files / name)]) == 0
    printed = capsys.readouterr().out
    assert "8 variables, 99 parameters, 396 B" in printed
    assert all(row["path"] in printed for row in found["variables"])


def test_legacy_files(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = {
        "class_name": "Sequential",
        "config": {
            "name": "old",
            "layers": [
                {"class_name": "Dense", "config": {"name": "d", "units": 2, "batch_input_shape": [None, 3]}},
                {"class_name": "Mine", "config": {"name": "mine"}},
            ],
        },
    }
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.attrs.update(keras_version="2.15.0", backend="tensorflow", model_config=json.dumps(config))
        file["model_weights/d/d/kernel:0"] = np.ones((3, 2), "float32")
        file["model_weights/d/d/bias:0"] = np.ones(2, "float16")
        file["optimizer_weights/Adam/iteration:0"] = np.int64(3)
    code, found = inspect(capsys, tmp_path / "m.h5")
    assert (code, found["metadata"]) == (0, {"keras_version": "2.15.0", "backend": "tensorflow"})
    assert {row["path"]: row["bytes"] for row in found["variables"]} == {
        "d/d/bias:0": 4,
        "d/d/kernel:0": 24,
        "optimizer/Adam/iteration:0": 8,
    }
    parameters = {row["name"]: row["parameters"] for row in found["layers"] if row["class"] != "InputLayer"}
    assert parameters == {"d": 8, "mine": 0}
    assert found["custom_objects"] == ["Mine"]


def with_config(path: pathlib.Path, config: Any, target: pathlib.Path) -> pathlib.Path:
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(target, "w") as changed:
        for name in archive.namelist():
            changed.writestr(name, json.dumps(config) if name == "config.json" else archive.read(name))
    return target


def test_custom_objects_and_what_is_refused(
    files: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def entry(module: str, name: str, config: dict[str, Any], registered: str | None = None) -> dict[str, Any]:
        return {"module": module, "class_name": name, "config": config, "registered_name": registered}

    code = {"class_name": "__lambda__", "config": {"value": "4wEA"}}
    config = entry("keras", "Sequential", {"name": "m", "layers": [
        entry("mine.layers", "Scale", {"name": "scale"}, "mine>Scale"),
        entry("keras.layers", "Lambda", {"name": "l", "function": code}),
        entry("keras.layers", "TFSMLayer", {"name": "t", "filepath": "/elsewhere"}),
        entry("keras.layers", "StringLookup", {"name": "s", "vocabulary": "/etc/words"}),
        entry("builtins", "function", {}) | {"config": "activate"},
    ]})  # fmt: skip
    path = with_config(files / "m.keras", config, tmp_path / "m.keras")
    found = inspect(capsys, path)[1]
    assert {"Scale", "activate"} <= set(found["custom_objects"]) <= {"Scale", "activate", "TFSMLayer", "StringLookup"}
    refused = [
        "a Python lambda, which is code (__lambda__)",
        "a TensorFlow SavedModel in another file, which is code (TFSMLayer)",
        "a vocabulary in another file (/etc/words)",
    ]
    assert found["refused"] == refused
    assert main(["inspect", str(path)]) == 0
    assert f"refused in safe mode: {', '.join(refused)}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "config", [None, [], 3, "text", {"config": 1}, {"config": {"layers": {}}}, {"config": {"layers": [1]}}]
)
def test_odd_configurations(
    files: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str], config: Any
) -> None:
    path = with_config(files / "m.keras", config, tmp_path / "m.keras")
    assert inspect(capsys, path)[1]["totals"]["parameters"] == 99


CORPUS = sorted((pathlib.Path(__file__).parent / "corpus").glob("*.zip"))


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_files_of_every_version(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, path: pathlib.Path
) -> None:
    monkeypatch.setattr(objects, "_custom", {})  # whatever other tests registered
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path)
    files = [file for ending in ("keras", "h5") for file in sorted(tmp_path.rglob(f"*.{ending}"))]
    assert len(files) > 8
    for file in files:
        code, found = inspect(capsys, file)
        assert code == 0
        assert found["totals"]["parameters"] > 0 or "functions" in file.name  # calls of ops alone
        assert bool(found["layers"]) == (found["model"]["class"] is not None), file
        mine = {"Scale", "halved"} if "custom" in file.name and found["layers"] else set()
        mine -= {"halved"} if path.stem == "keras-2.12" else set()  # a function was a word like any other
        assert {name.removeprefix("corpus>") for name in found["custom_objects"]} == mine, file
        if file.suffix == ".keras":
            KerasFileEditor(file).summary()
            assert ("shape=" in capsys.readouterr().out) == bool(found["variables"])


# ---- two files -------------------------------------------------------------------------------------------------------


def test_differences(files: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in KINDS:
        assert inspect(capsys, files / name, files / name) == (0, {"same": True, "config": [], "variables": []})
    for pair in (
        ("m.keras", "m.weights.json"),
        ("m.weights.h5", "folder"),
        ("m.safetensors", "m.safetensors.index.json"),
    ):
        assert inspect(capsys, *(files / name for name in pair))[0] == 0
    editor = KerasFileEditor(files / "m.weights.h5")
    kernel = editor.weights_dict["layers"]["dense"]["0"].numpy()
    kernel[1, 2] += 0.5
    kernel[0, 0] = np.nan
    editor.add_weights("layers/dense", {"0": kernel, "1": np.zeros(8, "float16")})
    editor.add_weights("batch_normalization", {"0": np.full(8, 3, "float32")})
    editor.rename_object("sequential", "other")
    editor.save(tmp_path / "n.weights.h5")
    capsys.readouterr()
    code, found = inspect(capsys, files / "m.weights.h5", tmp_path / "n.weights.h5")
    assert (code, found["same"]) == (1, False)
    rows = {row.pop("path"): row for row in found["variables"]}
    assert rows == {
        "layers/batch_normalization/0": {"differing": 8, "of": 8, "largest": "2"},
        "layers/dense/0": {"differing": 2, "of": 32, "largest": "nan"},
        "layers/dense/1": {"first": "float32 of shape (8,)", "second": "float16 of shape (8,)"},
        "layers/sequential/layers/dense/0": {"first": "float32 of shape (8, 3)", "second": None},
        "layers/sequential/layers/dense/1": {"first": "float32 of shape (3,)", "second": None},
        "layers/other/layers/dense/0": {"first": None, "second": "float32 of shape (8, 3)"},
        "layers/other/layers/dense/1": {"first": None, "second": "float32 of shape (3,)"},
    }
    assert main(["inspect", str(files / "m.weights.h5"), str(tmp_path / "n.weights.h5")]) == 1
    printed = capsys.readouterr().out
    assert all(path in printed for path in rows)
    assert "2 of 32" in printed


def test_differences_of_configurations(
    files: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with zipfile.ZipFile(files / "m.keras") as archive:
        config = json.loads(archive.read("config.json"))
    config["config"]["layers"][1]["config"]["units"] = 9
    config["config"]["layers"][1]["shared_object_id"] = 7
    path = with_config(files / "m.keras", config, tmp_path / "m.keras")
    code, found = inspect(capsys, files / "m.keras", path)
    assert (code, found["variables"]) == (1, [])
    assert found["config"] == [{"path": "config.layers[1].config.units", "first": 8, "second": 9}]


# ---- mistakes and damage -------------------------------------------------------------------------------------------------


def _cut(path: pathlib.Path) -> None:
    path.write_bytes(path.read_bytes()[:-700])


def _loop(path: pathlib.Path) -> None:
    with h5py.File(path, "a") as file:
        file["layers/dense/again"] = file["layers"]


def _twice(path: pathlib.Path) -> None:
    with h5py.File(path, "a") as file:
        file["layers/again"] = file["layers/dense"]


def _deep(path: pathlib.Path) -> None:
    with h5py.File(path, "a") as file:
        file.create_group("/".join("a" * 500))


def _soft(path: pathlib.Path) -> None:
    with h5py.File(path, "a") as file:
        file["layers/x"] = h5py.SoftLink("/layers/dense")


def _text(path: pathlib.Path) -> None:
    with h5py.File(path, "a") as file:
        file["layers/x"] = "text"


def _both(path: pathlib.Path) -> None:
    with h5py.File(path, "a") as file:
        file["layers/dense/vars/x"] = np.ones(2)
        file["layers/dense/x/vars/0"] = np.ones(2)


DAMAGES: list[tuple[Callable[[pathlib.Path], None], str]] = [
    (_cut, "is no HDF5 file, or is damaged or cut off"),
    (_loop, "is in the file twice or too deep"),
    (_twice, "is in the file twice or too deep"),
    (_deep, "is in the file twice or too deep"),
    (_soft, r"is a link \(SoftLink\)"),
    (_text, "doesn't hold numbers but object"),
]


@pytest.mark.parametrize("damage, message", DAMAGES)
def test_damaged_files(
    files: pathlib.Path,
    tmp_path: pathlib.Path,
    capsys: pytest.CaptureFixture[str],
    damage: Callable[[pathlib.Path], None],
    message: str,
) -> None:
    path = tmp_path / "m.weights.h5"
    path.write_bytes((files / "m.weights.h5").read_bytes())
    damage(path)
    with pytest.raises(ValueError, match=message):
        Contents(path)
    with pytest.raises(ValueError, match=message):
        KerasFileEditor(path)
    assert main(["inspect", str(path)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("triceras inspect: ")


def test_a_weight_with_weights_in_it(files: pathlib.Path, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "m.weights.h5"
    path.write_bytes((files / "m.weights.h5").read_bytes())
    _both(path)
    with pytest.raises(ValueError, match="lies in what is a weight itself"):
        KerasFileEditor(path)


def test_arguments(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "m.txt").write_text("x")
    for name, message in (("m.txt", "expected a name that ends in one of .keras"), ("none.keras", "There is no file")):
        assert main(["inspect", str(tmp_path / name)]) == 2
        assert message in capsys.readouterr().err
    for arguments in ([], ["nothing"], ["inspect"]):
        with pytest.raises(SystemExit) as exit_:
            main(arguments)
        assert exit_.value.code == 2
    with pytest.raises(SystemExit) as exit_:
        main(["inspect", "--help"])
    assert exit_.value.code == 0
    assert "Show what is in a model file" in capsys.readouterr().out


_ALONE = """
import sys
from triceras.cli import main
from triceras.saving import KerasFileEditor
codes = [main(["inspect", *sys.argv[1:2]]), main(["inspect", *sys.argv[1:]])]
editor = KerasFileEditor(sys.argv[1])
editor.summary()
editor.save(sys.argv[2])
print(codes, sorted({name.partition(".")[0] for name in sys.modules} & {"jax", "torch", "tensorflow", "keras"}))
"""


def test_no_framework_is_imported(files: pathlib.Path, tmp_path: pathlib.Path) -> None:
    target = tmp_path / "m.weights.h5"
    target.write_bytes((files / "m.weights.h5").read_bytes())
    command = [sys.executable, "-W", "error", "-c", _ALONE, str(files / "m.keras"), str(target)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.stdout.splitlines()[-1:], result.stderr) == (["[0, 0] []"], "")
    command = [sys.executable, "-m", "triceras", "inspect", str(tmp_path / "none.keras")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, len(result.stderr.splitlines())) == (2, 1)

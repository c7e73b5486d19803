"""The commands ``triceras info``, ``convert`` and ``predict``; ``inspect`` is tested in ``saving/test_inspection.py``."""

from __future__ import annotations

import base64
import json
import marshal
import os
import pathlib
import re
import subprocess
import sys
import zipfile
from typing import Any

import numpy as np
import pytest

import triceras
from tests.export.readers import READERS
from triceras import layers, ops, saving
from triceras.backends.registry import backend_scope
from triceras.cli import main, predict
from triceras.cli.program import COMMANDS
from triceras.export.formats import FORMATS

LEFT, RIGHT = np.random.default_rng(0).normal(size=(2, 7, 4)).astype("float32")
TABLE = "1,2,3,4\n-5,.6,7e0,8\n"


def _lambda_of(function: Any) -> dict[str, Any]:
    """A Python lambda as Keras writes it into files."""
    code = base64.encodebytes(marshal.dumps(function.__code__)).decode()
    return {"class_name": "__lambda__", "config": {"code": code, "defaults": None, "closure": None}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A folder with models and data."""
    path = tmp_path_factory.mktemp("models")
    with backend_scope("numpy"):
        triceras.utils.set_random_seed(0)
        one = triceras.Sequential([triceras.Input((4,), name="inputs"), layers.Dense(2)], name="one")
        one.compile("adam", "mse")
        one.save(path / "one.keras")
        left, right = triceras.Input((4,), name="left"), triceras.Input((4,), name="right")
        total, product = layers.Dense(2)(left + right), layers.Multiply()([left, right])
        triceras.Model([left, right], {"total": total, "product": product}, name="two").save(path / "two.keras")
        triceras.Model([left, right], [total, product], name="listed").save(path / "listed.keras")
        tokens = triceras.Input((None,), dtype="int32", name="tokens")
        triceras.Model(tokens, layers.Embedding(9, 3)(tokens), name="words").save(path / "words.keras")
        half = triceras.Sequential([triceras.Input((4,)), layers.Dense(2)], name="half")
        half.save(path / "full.keras")
        saving.load_model(path / "full.keras", dtype="bfloat16").save(path / "half.keras")
        matrix = triceras.Input((3, 3), name="matrix")
        triceras.Model(matrix, ops.svd(matrix)[1], name="singular").save(path / "singular.keras")
    config = {"class_name": "Sequential", "module": "keras", "config": {"name": "code", "layers": [
        {"class_name": "InputLayer", "module": "keras.layers", "config": {"batch_shape": [None, 4], "name": "inputs"}},
        {"class_name": "Lambda", "module": "keras.layers",
         "config": {"name": "code", "arguments": {}, "function": _lambda_of(lambda x: x * 2)}},
    ]}}  # fmt: skip
    with zipfile.ZipFile(path / "one.keras") as source, zipfile.ZipFile(path / "code.keras", "w") as archive:
        for name in source.namelist():
            archive.writestr(name, json.dumps(config) if name == "config.json" else source.read(name))
    (path / "cut.keras").write_bytes((path / "one.keras").read_bytes()[:-500])
    np.save(path / "x.npy", LEFT)
    np.save(path / "wide.npy", np.ones((2, 5)))
    np.save(path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    np.savez(path / "both.npz", right=RIGHT, left=LEFT, labels=np.ones(7))
    np.savez(path / "misfit.npz", right=RIGHT[:, :3], left=LEFT)
    np.savez(path / "half.npz", left=LEFT)
    np.savez(path / "inputs.npz", inputs=LEFT, labels=np.ones(7))
    (path / "x.csv").write_text(TABLE)
    (path / "titles.csv").write_text("\ufeffa,b,c,d\n" + TABLE)
    (path / "words.csv").write_text("1,2,8\n0,3,4\n")
    (path / "text.csv").write_text("1,2,3,4\n1,2,3,x\n")
    (path / "ragged.csv").write_text("1,2,3,4\n1,2\n")
    (path / "empty.csv").write_text("")
    (path / "notes.txt").write_text("notes")
    (path / "taken").mkdir()
    return path


@pytest.fixture
def there(folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """The same, as the current folder."""
    monkeypatch.chdir(folder)
    return folder


def expected(name: str, x: Any) -> Any:
    with backend_scope("numpy"):
        return saving.load_model(name, compile=False).predict(x, verbose=0)


def alone(*arguments: str, cwd: Any = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """``python -m triceras`` in a process of its own."""
    command = [sys.executable, "-W", "error", "-m", "triceras", *arguments]
    return subprocess.run(
        command, cwd=cwd, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=120
    )


# ---- help, errors, exit codes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main([command, "--help"])
    assert exit_.value.code == 0
    assert f"examples:\n  triceras {command}" in capsys.readouterr().out.replace("TRICERAS_BACKEND=torch ", "")


def test_help_loads_no_framework() -> None:
    program = (
        "import sys, contextlib\nfrom triceras.cli import main\n"
        "for arguments in (['--help'], ['convert', '--help'], ['predict'], ['convert', 'none.keras', '--to', 'onnx']):\n"
        "    with contextlib.suppress(SystemExit):\n        main(arguments)\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'jax', 'torch', 'tensorflow', 'onnx'}))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"
    assert len(result.stderr.splitlines()) == 2


#: Arguments -> the error.
MISTAKES = {
    "convert nowhere.keras --to onnx": r"There is no file nowhere\.keras",
    "convert one.keras --to caffe": r"argument --to: invalid choice: 'caffe' \(choose from .*onnx",
    "convert one.keras": r"Into what\? Pass --to, one of keras, .*onnx.*; or -o",
    "convert one.keras -o one.caffe": r"Into what\?",
    "convert one.keras --to onnx -o one.tflite": r"written as onnx ends in '\.onnx', received 'one\.tflite'",
    "convert one.keras --to tf_saved_model -o taken": "taken exists, and only files are replaced",
    "convert one.keras --to tf_saved_model -o x.npy": r"x\.npy exists, and only files are replaced",
    "convert one.keras -o none/new.keras": "The folder none doesn't exist",
    "convert one.keras -o new.keras --backend caffe": "Unknown backend 'caffe'. Expected one of: jax",
    "convert cut.keras -o new.keras": r"cut\.keras is no \.keras archive, or is cut off",
    "convert code.keras -o new.keras": "code in files is never run unasked",
    "convert notes.txt -o new.keras": r"notes\.txt is no \.keras archive",
    "convert singular.keras -o new.onnx": "can't be exported to 'onnx', for layer 'singular'",
    "predict nowhere.keras x.npy": r"There is no file nowhere\.keras",
    "predict one.keras nowhere.npy": r"nowhere\.npy can't be read .* No such file",
    "predict one.keras notes.txt": r"notes\.txt can't be read as numbers in \.npy, \.npz or \.csv format: it begins",
    "predict one.keras one.keras": r"one\.keras can't be read as numbers",
    "predict one.keras objects.npy": "Object arrays cannot be loaded when allow_pickle=False",
    "predict one.keras text.csv": r"text\.csv can't be read .* could not convert string 'x' to float64 at row 1",
    "predict one.keras ragged.csv": r"ragged\.csv can't be read .* number of columns changed",
    "predict one.keras empty.csv": r"empty\.csv can't be read",
    "predict one.keras x.npy -o out.txt": r"What -o names ends in '\.npy' or '\.npz', received 'out\.txt'",
    "predict one.keras x.npy --batch-size 0": "batch_size is a positive integer, received 0",
    "predict one.keras x.npy --batch-size many": "argument --batch-size: invalid int value: 'many'",
    "predict one.keras wide.npy": r"the array float64\[2, 5\] of wide\.npy: .* axis -1 to have size 4, received size 5",
    "predict two.keras misfit.npz": r"The input 'right' of model 'two' .* expected \(None, 4\), received \(7, 3\)",
    "predict two.keras half.npz": "Model 'two' doesn't take left .* misses the inputs .*right|takes 2 inputs, received 1",
    "predict code.keras x.npy": "code in files is never run unasked",
}


@pytest.mark.parametrize("arguments", MISTAKES)
def test_mistakes(there: pathlib.Path, capsys: pytest.CaptureFixture[str], arguments: str) -> None:
    before = sorted(there.rglob("*"))
    try:
        with backend_scope("numpy"):
            code: Any = main(arguments.split())
    except SystemExit as exit_:
        code = exit_.code
    error = capsys.readouterr().err
    assert code == 2
    assert re.search(MISTAKES[arguments], error), error
    assert error.startswith(f"triceras {arguments.split()[0]}: ")
    assert len(error.splitlines()) == 1
    assert sorted(there.rglob("*")) == before


def test_a_missing_package(
    there: pathlib.Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FORMATS, "onnx", FORMATS["onnx"]._replace(packages=("nowhere_to_be_found",)))
    assert main(["convert", "one.keras", "--to", "onnx"]) == 2
    error = capsys.readouterr().err
    assert "needs nowhere_to_be_found, which isn't installed: pip install 'triceras[onnx]'" in error


def test_an_interrupt(there: pathlib.Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*args: Any, **options: Any) -> None:
        raise KeyboardInterrupt

    (there / "kept.npy").write_bytes(b"before")
    monkeypatch.setattr(predict.np, "save", interrupted)
    with backend_scope("numpy"):
        before = sorted(there.iterdir())
        assert main(["predict", "one.keras", "x.npy", "-o", "kept.npy"]) == 130
    assert capsys.readouterr() == ("", "")
    assert (sorted(there.iterdir()), (there / "kept.npy").read_bytes()) == (before, b"before")


def test_what_fails_leaves_the_file_that_was_there(there: pathlib.Path) -> None:
    (there / "kept.onnx").write_bytes(b"before")
    before = sorted(there.iterdir())
    assert main(["convert", "singular.keras", "-o", "kept.onnx"]) == 2
    assert (sorted(there.iterdir()), (there / "kept.onnx").read_bytes()) == (before, b"before")


# ---- info --------------------------------------------------------------------------------------------------------------


def test_info() -> None:
    result = alone("info", "--json", TRICERAS_BACKEND="numpy", KERAS_BACKEND="jax")
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["versions"] == {"triceras": triceras.__version__, "python": sys.version.split()[0]}
    assert found["active"] == {"name": "numpy", "reason": "TRICERAS_BACKEND"}
    assert list(found["backends"]) == ["jax", "torch", "tensorflow", "numpy"]
    for name in triceras.available_backends():
        with backend_scope(name) as backend:
            devices = list(backend.list_devices())
        assert (found["backends"][name]["devices"], found["backends"][name]["error"]) == (devices, None)
    assert found["backends"]["numpy"]["version"] == np.__version__
    assert found["formats"].keys() == FORMATS.keys()
    assert found["formats"]["stablehlo"] == {"backend": "jax", "lacks": None}


#: The environment and the user's settings -> the active backend, and why.
REASONS = [
    ({}, "", ("jax", "the first one installed")),
    ({}, '{"backend": "torch"}', ("torch", "triceras.json or keras.json")),
    ({"KERAS_BACKEND": "numpy"}, '{"backend": "torch"}', ("numpy", "KERAS_BACKEND")),
    ({"KERAS_BACKEND": "numpy", "TRICERAS_BACKEND": "caffe"}, "", ("caffe", "TRICERAS_BACKEND")),
]

_REASON = """
import json, sys
from triceras.backends import registry
from triceras.cli import info, main
info._backend = lambda name: {"version": None, "devices": [], "error": None}  # loading each framework takes seconds
main(["info", "--json"])
main(["info"])
print(registry._detect())
"""


@pytest.mark.parametrize("environment, settings, active", REASONS)
def test_the_reason_for_the_active_backend(
    tmp_path: pathlib.Path, environment: dict[str, str], settings: str, active: tuple[str, str]
) -> None:
    if settings:
        (tmp_path / "triceras.json").write_text(settings)
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_BACKEND")}
    environment = kept | {"TRICERAS_HOME": str(tmp_path), "HOME": str(tmp_path)} | environment
    result = subprocess.run(
        [sys.executable, "-c", _REASON], env=environment, capture_output=True, text=True, check=True
    )
    first, *table = result.stdout.splitlines()
    assert tuple(json.loads(first)["active"].values()) == active
    assert f"active backend: {active[0]} ({active[1]})" in table
    assert table[-1] == active[0]


def test_info_tells_of_what_is_missing_and_broken(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRICERAS_BACKEND", "caffe")
    monkeypatch.setitem(FORMATS, "onnx", FORMATS["onnx"]._replace(packages=("nowhere_to_be_found",)))
    monkeypatch.setitem(FORMATS, "odd", FORMATS["onnx"]._replace(backend="caffe"))
    assert main(["info", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert "Unknown backend 'caffe'" in found["backends"]["caffe"]["error"]
    assert "pip install 'triceras[onnx]'" in found["formats"]["onnx"]["lacks"]
    assert "Unknown backend 'caffe'" in found["formats"]["odd"]["lacks"]


# ---- convert -----------------------------------------------------------------------------------------------------------


def test_each_format_is_a_target() -> None:
    options = COMMANDS["convert"].ARGUMENTS["--to"]["choices"]
    assert set(options) == {"keras", "h5", "weights.h5", "safetensors", *FORMATS}


@pytest.mark.parametrize("arguments, path", [
    (["-o", "new.keras"], "new.keras"),
    (["-o", "new.h5"], "new.h5"),
    (["--to", "h5"], "one.h5"),
    (["--to", "keras", "-o", "named.keras", "--backend", "torch"], "named.keras"),
])  # fmt: skip
def test_model_files(there: pathlib.Path, arguments: list[str], path: str) -> None:
    with backend_scope("numpy"):
        assert main(["convert", "one.keras", *arguments]) == 0
        model = saving.load_model(path)
    assert (type(model.optimizer).__name__, model._backend.name) == ("Adam", "numpy")
    np.testing.assert_array_equal(model.predict(LEFT, verbose=0), expected("one.keras", LEFT))


@pytest.mark.parametrize("ending", [".weights.h5", ".safetensors"])
def test_weights(there: pathlib.Path, ending: str, capsys: pytest.CaptureFixture[str]) -> None:
    with backend_scope("numpy"):
        assert main(["convert", "two.keras", "-o", f"two{ending}"]) == 0
        assert capsys.readouterr() == (f"Saved {ending[1:]} to two{ending}.\n", "")
        model = triceras.models.clone_model(saving.load_model("two.keras"))
        model.load_weights(f"two{ending}")
    x = {"left": LEFT, "right": RIGHT}
    np.testing.assert_array_equal(model.predict(x, verbose=0)["total"], expected("two.keras", x)["total"])


@pytest.mark.parametrize("arguments, kind, path", [
    (["--to", "stablehlo"], "stablehlo", "one.stablehlo"),
    (["-o", "new.onnx"], "onnx", "new.onnx"),
    (["--to", "tf_saved_model"], "tf_saved_model", "one_tf_saved_model"),
])  # fmt: skip
def test_exports(
    there: pathlib.Path, capsys: pytest.CaptureFixture[str], arguments: list[str], kind: str, path: str
) -> None:
    assert main(["convert", "one.keras", *arguments]) == 0
    assert capsys.readouterr().out == f"Saved {kind} to {path}.\n"
    got = READERS[kind](path)({"inputs": LEFT})
    got = next(iter(got.values())) if isinstance(got, dict) else got
    np.testing.assert_allclose(got, expected("one.keras", LEFT), rtol=1e-5, atol=1e-6)


def test_trusted_files(there: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    with backend_scope("numpy"):
        assert main(["predict", "code.keras", "x.csv", "--trust"]) == 0
        assert capsys.readouterr().out.startswith("[2.0, 4.0, 6.0, 8.0]\n")
        assert main(["convert", "code.keras", "-o", "code.weights.h5", "--trust"]) == 0


def test_modules_that_register_classes(there: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = ["import triceras", "@triceras.saving.register_keras_serializable('command')"]
    lines += ["class Doubles(triceras.layers.Layer):", "    def call(self, x):", "        return x * 2"]
    (there / "doubling.py").write_text("\n".join(lines))
    make = "import doubling as d, triceras as t; t.Sequential([t.Input((4,)), d.Doubles()]).save('doubles.keras')"
    command = [sys.executable, "-c", "import sys; from triceras.cli import main; sys.path.remove(''); sys.exit(main())"]
    environment = os.environ | {"TRICERAS_BACKEND": "numpy"}
    subprocess.run([sys.executable, "-c", make], env=environment, check=True)
    arguments = ["predict", "doubles.keras", "x.csv"]
    found = subprocess.run(
        [*command, *arguments, "--import", "doubling"], env=environment, capture_output=True, text=True
    )
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.startswith("[2.0, 4.0, 6.0, 8.0]\n")
    assert main([*arguments, "--backend", "numpy"]) == 2
    assert "Doubles" in capsys.readouterr().err
    assert main([*arguments, "--import", "nowhere.to_be_found"]) == 2
    assert capsys.readouterr().err == "triceras predict: No module named 'nowhere'\n"


# ---- predict -----------------------------------------------------------------------------------------------------------

ROWS = np.loadtxt(TABLE.splitlines(), delimiter=",")
BOTH = {"left": LEFT, "right": RIGHT}
#: Model and data on the command line -> the data.
PREDICTIONS = {
    "one.keras x.npy": LEFT,
    "one.keras x.csv": ROWS,
    "one.keras titles.csv": ROWS,
    "one.keras inputs.npz": LEFT,
    "two.keras both.npz": BOTH,
    "listed.keras both.npz": BOTH,
    "words.keras words.csv": np.array([[1, 2, 8], [0, 3, 4]]),
    "half.keras x.npy": LEFT,
}


@pytest.mark.parametrize("arguments", PREDICTIONS)
def test_rows_of_json(there: pathlib.Path, capsys: pytest.CaptureFixture[str], arguments: str) -> None:
    with backend_scope("numpy"):
        assert main(["predict", *arguments.split(), "--batch-size", "3"]) == 0
    captured = capsys.readouterr()
    rows = [json.loads(line) for line in captured.out.splitlines()]
    wanted = expected(arguments.split()[0], PREDICTIONS[arguments])
    if isinstance(wanted, list):
        wanted = {f"output_{number}": x for number, x in enumerate(wanted)}
    if isinstance(wanted, dict):
        rows = {name: np.array([row[name] for row in rows]) for name in wanted}
    else:
        rows, wanted = {"": np.array(rows)}, {"": wanted}
    for name, x in wanted.items():
        np.testing.assert_allclose(rows[name], x.astype("float64"), rtol=1e-6)
    assert captured.err == ""


@pytest.mark.parametrize("backend_name", ["jax", "torch", "tensorflow"])
def test_files_of_outputs(there: pathlib.Path, capsys: pytest.CaptureFixture[str], backend_name: str) -> None:
    chosen = ["--backend", backend_name]
    assert main(["predict", "one.keras", "x.npy", "-o", "deep/er/out.npy", *chosen]) == 0
    assert capsys.readouterr().out == "Saved output float32[7, 2] to deep/er/out.npy.\n"
    np.testing.assert_allclose(np.load("deep/er/out.npy"), expected("one.keras", LEFT), rtol=1e-5, atol=1e-6)
    assert main(["predict", "one.keras", "x.npy", "-o", "out.npz", *chosen]) == 0
    assert np.load("out.npz")["output"].shape == (7, 2)
    assert main(["predict", "two.keras", "both.npz", "-o", "several.npy", *chosen]) == 0
    assert capsys.readouterr().out.endswith("Saved product float32[7, 4], total float32[7, 2] to several.npz.\n")
    found = np.load("several.npz")
    for name, x in expected("two.keras", BOTH).items():
        np.testing.assert_allclose(found[name], x, rtol=1e-5, atol=1e-6)
    assert main(["predict", "half.keras", "x.npy", "-o", "half.npy", *chosen]) == 0
    assert np.load("half.npy").dtype == "float32"


def test_as_a_program(there: pathlib.Path) -> None:
    result = alone("predict", "one.keras", "x.npy", "-o", "alone.npy", "--backend", "numpy", cwd=there)
    assert (result.returncode, result.stdout, result.stderr) == (0, "Saved output float32[7, 2] to alone.npy.\n", "")
    result = alone("predict", "two.keras", "x.npy", "--backend", "numpy", cwd=there)
    assert (result.returncode, result.stdout, len(result.stderr.splitlines())) == (2, "", 1)


def test_a_reader_that_has_enough(there: pathlib.Path) -> None:
    np.save("long.npy", np.ones((50_000, 4)))
    command = [sys.executable, "-m", "triceras", "predict", "one.keras", "long.npy", "--backend", "numpy"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        assert len(json.loads(program.stdout.readline())) == 2
        program.stdout.close()
        assert program.stderr.read() == ""
    assert program.returncode == 0

"""Who says what a name in a file means, and what one reads when nobody does."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys
from typing import Any

import pytest

import triceras
from triceras import layers, saving
from triceras.backends.registry import Backend
from triceras.core import objects
from triceras.saving import model_files


class _Named(layers.Layer):
    source = ""

    def call(self, x: Any) -> Any:
        return x


def _layer(source: str, name: str = "Marked") -> type:
    return type(name, (_Named,), {"source": source})


@pytest.fixture
def file(backend: Backend, tmp_path: pathlib.Path) -> pathlib.Path:
    """A model with a layer that nobody registered."""
    triceras.Sequential([triceras.Input((4,)), _layer("saved")()]).save(tmp_path / "model.keras")
    return tmp_path / "model.keras"


@pytest.fixture(autouse=True)
def _nothing_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "_custom", dict(objects._custom))


def _source(path: pathlib.Path, **kwargs: Any) -> str:
    return saving.load_model(path, **kwargs).layers[0].source


def test_what_the_caller_passes_goes_first(file: pathlib.Path) -> None:
    saving.get_custom_objects()["Marked"] = _layer("registered")
    assert _source(file) == "registered"
    with saving.CustomObjectScope({"Marked": _layer("scope")}):
        assert _source(file) == "scope"
        with saving.custom_object_scope({"Marked": _layer("inner scope")}):
            assert _source(file) == "inner scope"
            assert _source(file, custom_objects={"Marked": _layer("argument")}) == "argument"
        assert _source(file) == "scope"
    assert _source(file) == "registered"


def test_a_built_in_class_is_replaced_for_one_call(backend: Backend, tmp_path: pathlib.Path) -> None:
    own = type("Dense", (layers.Dense,), {})  # files name groups after classes
    path = tmp_path / "model.keras"
    triceras.Sequential([triceras.Input((4,)), layers.Dense(2)]).save(path)
    assert isinstance(saving.load_model(path, custom_objects={"Dense": own}).layers[0], own)
    assert not isinstance(saving.load_model(path).layers[0], own)


def test_registered_under_a_package(backend: Backend, tmp_path: pathlib.Path) -> None:
    saving.register_keras_serializable("mine")(made := _layer("package"))
    path = tmp_path / "model.keras"
    triceras.Sequential([triceras.Input((4,)), made()]).save(path)
    assert _source(path) == "package"
    # By its bare name too, for whoever has the class but not its registration.
    del saving.get_custom_objects()["mine>Marked"]
    assert _source(path, custom_objects={"Marked": _layer("bare")}) == "bare"
    assert _source(path, custom_objects={"mine>Marked": _layer("whole")}) == "whole"


def test_everything_missing_is_listed_at_once(backend: Backend, tmp_path: pathlib.Path) -> None:
    def swoosh(x: Any) -> Any:
        return x

    first, second = _layer("", "First"), _layer("", "Second")
    inner = triceras.Sequential([triceras.Input((4,)), second()])
    model = triceras.Sequential([triceras.Input((4,)), first(), inner, layers.Dense(2, activation=swoosh)])
    model.save(tmp_path / "model.keras")
    with pytest.raises(objects.UnknownObjectError) as caught:
        saving.load_model(tmp_path / "model.keras")
    message = str(caught.value)
    assert re.search(r"'First' of module '.*', 'Second' of module '.*', 'swoosh' of module 'builtins'", message), (
        message
    )
    assert "custom_objects={'First': ..., 'Second': ..., 'swoosh': ...}" in message
    again = saving.load_model(tmp_path / "model.keras", {"First": first, "Second": second, "swoosh": swoosh})
    assert again.layers[-1].activation is swoosh


def test_trust_is_for_one_call(file: pathlib.Path) -> None:
    seen: list[str] = []

    class Marked(_Named):
        @classmethod
        def from_config(cls, config: dict[str, Any]) -> Any:
            objects.require_trust("something of this test")
            inner = saving.deserialize_keras_object({"class_name": "__tuple__", "config": {"value": []}})
            seen.append(str(inner))
            return cls(**config)

    known = {"Marked": Marked}
    with pytest.raises(saving.UnsafeFileError, match="holds something of this test: that is refused in safe mode"):
        saving.load_model(file, known)
    saving.load_model(file, known, safe_mode=False)
    assert seen == ["()"]
    with pytest.raises(saving.UnsafeFileError, match=r"pass safe_mode=False"):
        saving.load_model(file, known)
    Marked.from_config({})  # no file, no question
    assert model_files.KERAS_VERSION.startswith("3.")


_IMPORT = """
import json, os, sys
written = []

def note(event, args):
    if event == "open" and isinstance(args[1], str) and any(c in args[1] for c in "wax+"):
        written.append(str(args[0]))
    elif event in ("os.mkdir", "os.rename", "os.symlink", "socket.connect"):
        written.append(f"{event} {args[0]}")

sys.dont_write_bytecode = True
sys.addaudithook(note)
import triceras
import triceras.layers, triceras.saving, triceras.utils
print(json.dumps([written, sorted(os.listdir(os.environ["HOME"]))]))
"""


def test_importing_writes_nothing(tmp_path: pathlib.Path) -> None:
    environment = os.environ | {
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path),
        "KERAS_HOME": str(tmp_path / "k"),
    }
    done = subprocess.run([sys.executable, "-c", _IMPORT], env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == [[], []]

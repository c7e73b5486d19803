"""Weights in several files: as Keras writes and reads them, and what damaged indexes do."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np
import pytest

import triceras
from tests import black_box
from triceras import layers
from triceras.backends import registry
from triceras.backends.registry import backend_scope
from triceras.saving import limits
from triceras.saving.shards import GIGABYTE, in_shards, limit_of

X = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
#: Sizes of shards in bytes. The largest variable has 256.
SIZES = (256, 322, 700, 10**6)


def made(framework: Any = triceras) -> Any:
    """The model that both sides have."""
    inner = framework.Sequential(
        [framework.Input((8,)), framework.layers.Dense(8), framework.layers.Dropout(0.1, seed=1)], name="inner"
    )
    return framework.Sequential(
        [
            framework.Input((4,)),
            framework.layers.Dense(8),
            framework.layers.BatchNormalization(),
            inner,
            framework.layers.Dense(2, dtype="bfloat16"),
        ],
        name="outer",
    )


_KERAS = """
import inspect, os
from tests.saving.test_shards import made

x = np.load(os.environ["SHARDS"] + "/x.npy")

def answer(row):
    model = made(keras)
    folder, size = os.environ["SHARDS"], row
    if isinstance(row, str):
        keras.saving.KerasFileEditor(f"{folder}/edited.weights.h5").summary()
        model.load_weights(f"{folder}/edited.weights.h5")
        return plain(model.predict(x, verbose=0).astype("float32"))
    model.load_weights(f"{folder}/ours_{size}.weights.json")
    found = plain(model.predict(x, verbose=0).astype("float32"))
    model.save_weights(f"{folder}/theirs_{size}.weights.h5", max_shard_size=size / 2**30)
    return found
"""


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[pathlib.Path, list[Any], Any]:
    """A folder with shards of each size of ours and of Keras's, what Keras predicts from ours, and what we do."""
    folder = tmp_path_factory.mktemp("shards")
    np.save(folder / "x.npy", X)
    with backend_scope("numpy"):
        model = made()
        model.set_weights([np.random.default_rng(1).uniform(0.5, 1, w.shape) for w in model.get_weights()])
        for size in SIZES:
            model.save_weights(folder / f"ours_{size}.weights.json", max_shard_size=size / GIGABYTE)
        editor = triceras.saving.KerasFileEditor(folder / f"ours_{SIZES[0]}.weights.json")
        editor.add_object("layers/dense_9", {"0": np.ones((2, 3), "float32")})
        editor.delete_object("dense_9")
        editor.save(folder / "edited.weights.h5")
        expected = np.asarray(model.predict(X, verbose=0), "float32")
    os.environ["SHARDS"] = str(folder)
    try:
        answers = black_box.run(_KERAS, [*SIZES, "edited"])
    finally:
        del os.environ["SHARDS"]
    return folder, answers, expected


@pytest.mark.slow
def test_keras_reads_ours(both: tuple[pathlib.Path, list[Any], Any]) -> None:
    _, answers, expected = both
    for size, answer in zip((*SIZES, "edited"), answers, strict=True):
        np.testing.assert_allclose(np.array(answer, "float32"), expected, rtol=2e-2, err_msg=str(size))


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
def test_the_files_are_those_of_keras(both: tuple[pathlib.Path, list[Any], Any], size: int) -> None:
    folder, _, expected = both
    ours, theirs = (json.loads((folder / f"{who}_{size}.weights.json").read_text()) for who in ("ours", "theirs"))
    text = json.dumps(ours).replace("ours_", "theirs_")
    assert json.loads(text) == theirs
    for name in sorted(p.name for p in folder.glob(f"theirs_{size}_*.h5")):
        assert _tree(folder / name.replace("theirs", "ours")) == _tree(folder / name)
    with backend_scope("numpy"):
        model = made()
        model.load_weights(folder / f"theirs_{size}.weights.json")
        np.testing.assert_allclose(np.asarray(model.predict(X, verbose=0), "float32"), expected, rtol=1e-6)


def _tree(path: pathlib.Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, node: found.update(
                {name: (node.shape, node.dtype.str, node[()].tobytes()) if isinstance(node, h5py.Dataset) else None}
            )
        )
    return found


@pytest.mark.parametrize("name", registry.available_backends())
def test_every_backend(name: str, tmp_path: pathlib.Path) -> None:
    with backend_scope(name):
        model = made()
        model.save_weights(tmp_path / "m.weights.h5", max_shard_size=300 / GIGABYTE)
        assert not (tmp_path / "m.weights.h5").exists()
        other = made()
        other.load_weights(tmp_path / "m.weights.json")
        for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("size", [0, -1, float("nan"), "1GB", True])
def test_sizes_that_are_none(size: Any) -> None:
    with pytest.raises(ValueError, match="Shards need max_shard_size, a positive number of gigabytes, received"):
        limit_of(size)


# ---- damage ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def saved(tmp_path: pathlib.Path) -> pathlib.Path:
    """An index with its shards; the active backend is numpy's where it is read."""
    with backend_scope("numpy"):
        made().save_weights(tmp_path / "m.weights.json", max_shard_size=300 / GIGABYTE)
    return tmp_path / "m.weights.json"


def load(path: pathlib.Path, **kwargs: Any) -> None:
    with backend_scope("numpy"):
        made().load_weights(path, **kwargs)


def test_a_variable_larger_than_a_shard_writes_nothing(tmp_path: pathlib.Path) -> None:
    with backend_scope("numpy"):
        for ending in (".weights.h5", ".weights.json", ".safetensors", ".safetensors.index.json"):
            with pytest.raises(
                ValueError, match=r"takes 256 bytes, more than a shard of 200\. Pass a larger max_shard_size"
            ):
                made().save_weights(tmp_path / f"m{ending}", max_shard_size=200 / GIGABYTE)
            if ending.endswith("json"):
                with pytest.raises(
                    ValueError,
                    match="Shards need max_shard_size, a positive number of gigabytes, received None",
                ):
                    made().save_weights(tmp_path / f"m{ending}")
    assert list(tmp_path.iterdir()) == []
    assert in_shards([], 1, str) == [[]]


def test_the_index_is_replaced_last(saved: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = saved.read_bytes()

    def fails(*args: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("triceras.saving.shards.write", fails)
    with backend_scope("numpy"):
        with pytest.raises(OSError, match="no space left"):
            made().save_weights(saved, max_shard_size=1)
        with pytest.raises(FileExistsError, match="Pass overwrite=True"):
            made().save_weights(saved, overwrite=False, max_shard_size=1)
    assert saved.read_bytes() == before


def _renamed(name: str) -> Callable[[dict[str, Any]], Any]:
    def change(index: dict[str, Any]) -> Any:
        index["weight_map"]["/layers/dense/vars"] = [name]
        return index

    return change


INDEXES = {
    "no map": (lambda index: {}, "is no index of weights: it has no 'weight_map'"),
    "a list": (lambda index: [index], "is no index of weights"),
    "a map of lists": (lambda index: index | {"weight_map": []}, "is no index of weights"),
    "up": (_renamed("../secret.weights.h5"), "lies elsewhere or is a link"),
    "absolute": (_renamed("/secret.weights.h5"), "lies elsewhere or is a link"),
    "zero": (_renamed("a\0b"), "lies elsewhere or is a link"),
    "backslash": (_renamed("..\\secret.weights.h5"), "lies elsewhere or is a link"),
    "link": (_renamed("link.weights.h5"), "lies elsewhere or is a link"),
    "linked folder": (_renamed("folder/secret.weights.h5"), "lies elsewhere or is a link"),
    "missing": (_renamed("none.weights.h5"), r"names the file 'none\.weights\.h5', which isn't there"),
    "itself": (_renamed("m.weights.json"), "is no HDF5 file"),
    "another shard": (_renamed("m_00002.weights.h5"), "has no group 'layers/dense/vars', which its index says it has"),
    "nothing": (lambda index: index | {"weight_map": {}}, "The file has no variables for 'layers/dense'"),
    "odd": (lambda index: index | {"weight_map": {"/layers/dense/vars": {"a": 1}}}, "isn't there|lies elsewhere"),
    "empty": (lambda index: index | {"weight_map": {"/layers/dense/vars": []}}, "The file has no variables"),
}


@pytest.mark.parametrize("name", INDEXES)
def test_damaged_indexes(saved: pathlib.Path, name: str) -> None:
    change, message = INDEXES[name]
    secret = saved.parent.parent / f"{saved.parent.name}_elsewhere"
    secret.mkdir()
    shutil.copy(saved.with_name("m_00000.weights.h5"), secret / "secret.weights.h5")
    saved.with_name("link.weights.h5").symlink_to(secret / "secret.weights.h5")
    saved.with_name("folder").symlink_to(secret)
    saved.write_text(json.dumps(change(json.loads(saved.read_text()))))
    with pytest.raises(ValueError, match=message):
        load(saved)
    if name in ("link", "linked folder"):
        load(saved, safe_mode=False)


def test_the_shards_have_one_budget(saved: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file unfolds to less than the limit, all of them to more."""
    monkeypatch.setattr(limits, "FREE_BYTES", 0)
    monkeypatch.setattr(limits, "EXPANSION", 1)
    load(saved)
    for path in saved.parent.glob("m_*.h5"):
        with h5py.File(path, "a") as file:
            found: list[str] = []
            file.visititems(
                lambda name, node, found=found: found.append(name) if isinstance(node, h5py.Dataset) else None
            )
            for name in found:
                values = np.zeros((4, 8), "f4") if name == "layers/dense/vars/0" else file[name][()]
                del file[name]
                file.create_dataset(name, data=values, compression="gzip" if values.shape else None)
    sizes = [path.stat().st_size for path in saved.parent.glob("m_*.h5")]
    with backend_scope("numpy"):
        monkeypatch.setattr(limits, "EXPANSION", 400 / sum(sizes))
        with pytest.raises(ValueError, match=r"m\.weights\.json: .* would bring what is read to"):
            made().load_weights(saved)


def test_links_in_shards(saved: pathlib.Path) -> None:
    with h5py.File(saved.with_name("m_00000.weights.h5"), "a") as file:
        del file["layers/dense/vars/0"]
        file["layers/dense/vars/0"] = h5py.ExternalLink("secret.h5", "kernel")
    with pytest.raises(ValueError, match="is a link"):
        load(saved)


def test_skipping(saved: pathlib.Path) -> None:
    with backend_scope("numpy"):
        other = triceras.Sequential([triceras.Input((4,)), layers.Dense(9)])
        with pytest.warns(UserWarning, match=r"The variables of 'layers/dense' weren't loaded.*\(4, 9\)"):
            other.load_weights(saved, skip_mismatch=True)
        with pytest.raises(ValueError, match="arguments it doesn't know: names"):
            other.load_weights(saved, names={})

"""Weights as safetensors: as its own library reads and writes them, under torch's names, and what damaged files do."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import torch

import triceras
from triceras import layers, saving
from triceras.backends import registry
from triceras.backends.registry import backend_scope
from triceras.saving import safetensors_files
from triceras.saving.safetensors_files import SafeTensors
from triceras.saving.shards import GIGABYTE

BACKENDS = registry.available_backends()
RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(3, 8, 8, 2)).astype("float32")


class Mixed(layers.Layer):
    """A layer with a weight of each dtype that safetensors has."""

    DTYPES = (
        "float64 float32 float16 bfloat16 float8_e4m3fn float8_e5m2 int64 int32 int16 int8 uint64 uint32 uint16 uint8 bool"
    ).split()

    def build(self, input_shape: Any) -> None:
        for number, dtype in enumerate(self.DTYPES):
            self.add_weight((2, 3) if number % 2 else (), "zeros", dtype, trainable=False, name=dtype)

    def call(self, x: Any) -> Any:
        return x


def mixed() -> triceras.Model:
    model = triceras.Sequential([triceras.Input((2,)), Mixed(name="mixed"), layers.Dense(3, name="dense")])
    for variable in model.layers[0].weights:
        values = np.asarray(RNG.integers(0, 2, variable.shape), "float32")
        variable.assign(values.astype(variable.numpy().dtype))
    return model


def blocks() -> triceras.Model:
    return triceras.Sequential(
        [
            triceras.Input((8, 8, 2)),
            layers.Conv2D(4, 3, name="conv"),
            layers.BatchNormalization(name="norm", epsilon=1e-5),
            layers.Conv2DTranspose(3, 2, name="up"),
            layers.GlobalAveragePooling2D(),
            layers.LayerNormalization(name="scale", epsilon=1e-5),
            layers.Dense(2, name="head"),
        ]
    )


def assert_equal(one: triceras.Model, other: triceras.Model) -> None:
    for a, b in zip(one.weights, other.weights, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy(), err_msg=a.path)


@pytest.mark.parametrize("name", BACKENDS)
def test_what_the_library_reads_and_writes(name: str, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "m.safetensors"
    with backend_scope(name):
        model = mixed()
        model.save_weights(path)
        readable = {k: v for k, v in SafeTensors(path).items() if "float8" not in k}
        with safetensors.safe_open(path, "np") as file:  # its NumPy has no float8
            assert sorted(file.keys()) == sorted(SafeTensors(path))
        with safetensors.safe_open(path, "pt") as file:
            for variable in model.weights:
                key = variable.path.removeprefix(f"{model.name}/")
                found = file.get_tensor(key)
                assert tuple(found.shape) == variable.shape
                assert str(found.dtype) == f"torch.{variable.stored_dtype}"
                np.testing.assert_array_equal(found.double().numpy(), variable.numpy().astype("float64"), err_msg=key)
        other = mixed()
        other.load_weights(path)
        assert_equal(model, other)
    arrays = {k: v.numpy() for k, v in readable.items()}
    safetensors.numpy.save_file(arrays, tmp_path / "theirs.safetensors")
    again = SafeTensors(tmp_path / "theirs.safetensors")
    assert sorted(again) == sorted(arrays)
    for key, value in arrays.items():
        assert (again[key].shape, again[key].dtype) == (value.shape, value.dtype.name)
        np.testing.assert_array_equal(again[key].numpy(), value)


def test_bytes_are_those_of_the_library(tmp_path: pathlib.Path) -> None:
    with backend_scope("numpy"):
        model = blocks()
        model.save_weights(tmp_path / "m.safetensors")
    ours = SafeTensors(tmp_path / "m.safetensors")
    arrays = {name: tensor.numpy() for name, tensor in ours.items()}
    order = json.loads(ours.metadata["variables"])
    assert order[:4] == ["conv/kernel", "conv/bias", "norm/gamma", "norm/beta"]
    safetensors.numpy.save_file(arrays, tmp_path / "theirs.safetensors")
    theirs = SafeTensors(tmp_path / "theirs.safetensors")
    assert list(theirs) == list(ours)
    assert (tmp_path / "m.safetensors").read_bytes()[ours._start :] == (tmp_path / "theirs.safetensors").read_bytes()[
        theirs._start :
    ]


def test_other_numbers_in_names(tmp_path: pathlib.Path) -> None:
    """A model of the same layers whose automatic names go on counting."""

    def stack() -> triceras.Model:
        return triceras.Sequential(
            [
                triceras.Input((4,)),
                *(triceras.Sequential([layers.Dense(4, bias_initializer="uniform")]) for _ in range(11)),
            ]
        )

    with backend_scope("numpy"):
        model, other = stack(), stack()
        assert model.weights[0].path != other.weights[0].path
        for size in (None, 70 / GIGABYTE):
            model.save_weights(tmp_path / "m.safetensors", max_shard_size=size)
            other = stack()
            other.load_weights(tmp_path / ("m.safetensors" if size is None else "m.safetensors.index.json"))
            assert_equal(model, other)


@pytest.mark.parametrize("name", BACKENDS)
def test_shards(name: str, tmp_path: pathlib.Path) -> None:
    with backend_scope(name):
        model = mixed()
        model.save_weights(tmp_path / "m.safetensors", max_shard_size=60 / GIGABYTE)
        index = json.loads((tmp_path / "m.safetensors.index.json").read_text())
        files = sorted(p.name for p in tmp_path.glob("*.safetensors"))
        assert files[0] == f"m-00001-of-{len(files):05}.safetensors"
        assert len(files) > 2
        assert sorted(set(index["weight_map"].values())) == files
        assert index["metadata"]["total_size"] == sum(
            t.nbytes for f in files for t in SafeTensors(tmp_path / f).values()
        )
        other = mixed()
        other.load_weights(tmp_path / "m.safetensors.index.json")
        assert_equal(model, other)


# ---- names -----------------------------------------------------------------------------------------------------------


class Torch(torch.nn.Module):
    """The same model in torch."""

    def __init__(self) -> None:
        super().__init__()
        self.body = torch.nn.Sequential(
            torch.nn.Conv2d(2, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ConvTranspose2d(4, 3, 2)
        )
        self.scale = torch.nn.LayerNorm(3)
        self.fc = torch.nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.scale(self.body(x).mean((2, 3))))


@pytest.mark.parametrize("name", BACKENDS)
def test_names_of_torch(name: str, tmp_path: pathlib.Path) -> None:
    path, module = tmp_path / "m.safetensors", Torch().eval()
    modules = {"conv": "body.0", "norm": "body.1", "up": "body.2", "head": "fc"}
    with backend_scope(name):
        model = blocks()
        model.set_weights([RNG.uniform(0.5, 1, w.shape) for w in model.get_weights()])
        names = saving.torch_names(model, modules)
        model.save_weights(path, names=names)
        module.load_state_dict(safetensors.torch.load_file(path))
        expected = module(torch.tensor(IMAGES.transpose(0, 3, 1, 2))).detach().numpy()
        np.testing.assert_allclose(np.asarray(model.predict(IMAGES, verbose=0)), expected, rtol=1e-4, atol=1e-4)
        safetensors.torch.save_file(module.state_dict(), tmp_path / "torch.safetensors")
        other = blocks()
        other.load_weights(tmp_path / "torch.safetensors", names=names)
        assert_equal(model, other)


def test_names_of_other_layers(tmp_path: pathlib.Path) -> None:
    with backend_scope("numpy"):
        inner = triceras.Sequential([triceras.Input((3, 5)), layers.Conv1D(4, 2, name="conv")], name="inner")
        model = triceras.Sequential(
            [
                triceras.Input((3,)),
                layers.Embedding(7, 5, name="table"),
                inner,
                layers.LSTM(2, name="lstm"),
                layers.Dense(1),
            ]
        )
        names = saving.torch_names(model, {"dense": "fc"})
        assert names["table/embeddings"] == "table.weight"
        assert names["inner/conv/kernel"] == ("inner.conv.weight", (2, 1, 0))
        assert not any("lstm" in path for path in names)
        model.save_weights(tmp_path / "m.safetensors", names=lambda path: f"x.{path}" if "lstm" not in path else path)
        found = set(SafeTensors(tmp_path / "m.safetensors"))
        assert {"x.table/embeddings", "lstm/lstm_cell/kernel"} <= found


def test_names_that_dont_fit(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "m.safetensors"
    for names, message in (
        ({"fc/kernel": "x"}, r"names has \['fc/kernel'\], which model .* hasn't\. It has: conv/kernel"),
        ({"head/kernel": "x", "head/bias": "x"}, r"Several variables of model .* have one name in the file: \['x'\]"),
        (
            {"head/kernel": ("x", (0, 0))},
            r"The axes \(0, 0\) for 'head/kernel' aren't an order of those of its shape \(3, 2\)",
        ),
    ):
        with backend_scope("numpy"), pytest.raises(ValueError, match=message):
            blocks().save_weights(path, names=names)
    assert not path.exists()


def test_files_that_dont_fit(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "m.safetensors"
    with backend_scope("numpy"):
        blocks().save_weights(path)
        other = triceras.Sequential([triceras.Input((4,)), layers.Dense(4, name="head"), layers.Dense(4, name="tail")])
        with pytest.raises(
            ValueError, match=r"takes the shape \(4, 4\) from the file, .* has \(3, 2\) for it at 'head/kernel'"
        ):
            other.load_weights(path, names={})
        with pytest.raises(ValueError, match=r"has no 'tail/kernel' for the variable .*Pass names="):
            triceras.Sequential([triceras.Input((3,)), layers.Dense(2, name="tail")]).load_weights(path, names={})
        small = triceras.Sequential([triceras.Input((3,)), layers.Dense(2, name="head"), layers.Dense(1, name="x")])
        with pytest.warns(UserWarning, match="wasn't loaded") as warned:
            small.load_weights(path, skip_mismatch=True)
        assert len(warned) == 2
        np.testing.assert_array_equal(small.get_weights()[0], SafeTensors(path)["head/kernel"].numpy())
        small.layers[0].add_weight((1,), "zeros", "complex128", name="odd")
        with pytest.raises(ValueError, match="safetensors has no complex128"):
            small.save_weights(path)


# ---- damage ---------------------------------------------------------------------------------------------------------


def written(path: pathlib.Path, header: Any, data: bytes = bytes(8), length: int | None = None) -> pathlib.Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + data)
    return path


def entry(dtype: Any = "F32", shape: Any = (2,), offsets: Any = (0, 8)) -> dict[str, Any]:
    return {"a": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}


TWICE = (
    json.dumps({"a": entry("U8", [4], [0, 4])["a"], "b": entry("U8", [4], [4, 8])["a"]}).replace('"b"', '"a"').encode()
)
DAMAGED: dict[str, tuple[Callable[[pathlib.Path], Any], str]] = {
    "empty": (lambda p: p.write_bytes(b""), "is no safetensors file, or is cut off"),
    "short": (lambda p: p.write_bytes(b"abc"), "is no safetensors file, or is cut off"),
    "no json": (lambda p: written(p, b"{{"), "the header is no JSON"),
    "nested": (lambda p: written(p, b"[" * 100_000), "the header is no JSON"),
    "a list": (lambda p: written(p, []), "the header isn't a dictionary"),
    "metadata": (lambda p: written(p, {"__metadata__": 1}), "the header isn't a dictionary"),
    "a long header": (lambda p: written(p, {}, length=2**62), "a header of 4,611,686,018,427,387,904 bytes"),
    "no dictionary": (lambda p: written(p, {"a": 1}), "'a' is 1, which tells no array"),
    "no dtype": (lambda p: written(p, {"a": {}}), "which tells no array"),
    "unknown dtype": (lambda p: written(p, entry("F4")), "which tells no array"),
    "a dtype that is a list": (lambda p: written(p, entry([])), "which tells no array"),
    "negative": (lambda p: written(p, entry(shape=[-2, -1])), "no sizes"),
    "float": (lambda p: written(p, entry(shape=[2.0])), "no sizes"),
    "bool": (lambda p: written(p, entry(shape=[True, 2])), "no sizes"),
    "text": (lambda p: written(p, entry(shape="22")), "no sizes"),
    "dimensions": (lambda p: written(p, entry(shape=[1] * 100 + [2])), "no sizes"),
    "larger": (lambda p: written(p, entry(shape=[2**40, 2**40])), "takes .* bytes, has 8"),
    "smaller": (lambda p: written(p, entry(shape=[1])), "takes 4 bytes, has 8"),
    "behind the end": (lambda p: written(p, entry(shape=[4], offsets=(0, 16))), "it is damaged"),
    "backwards": (lambda p: written(p, entry(shape=[0], offsets=(8, 0))), "takes 0 bytes, has -8"),
    "hole": (lambda p: written(p, entry(shape=[1], offsets=(4, 8))), "begins at 4, where the one before ends at 0"),
    "rest": (lambda p: written(p, entry(shape=[1], offsets=(0, 4))), "it is damaged"),
    "overlap": (
        lambda p: written(p, entry() | {"b": entry(offsets=(4, 12))["a"]}, bytes(12)),
        "begins at 4, where the one before ends at 8",
    ),
    "twice": (lambda p: written(p, TWICE), "begins at 4"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_files(tmp_path: pathlib.Path, name: str) -> None:
    make, message = DAMAGED[name]
    make(tmp_path / "m.safetensors")
    with backend_scope("numpy"), pytest.raises(ValueError, match=message):
        blocks().load_weights(tmp_path / "m.safetensors")


def test_every_cut_and_every_flipped_byte_of_the_header(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "m.safetensors"
    with backend_scope("numpy"):
        triceras.Sequential([triceras.Input((2,)), layers.Dense(2, name="d")]).save_weights(path)
        data = path.read_bytes()
        cut = [data[:end] for end in range(len(data))]
        flipped = [data[:i] + bytes([data[i] ^ 1]) + data[i + 1 :] for i in range(len(data) - 24)]
        model = triceras.Sequential([triceras.Input((2,)), layers.Dense(2, name="d")])
        for text in cut:
            path.write_bytes(text)
            with pytest.raises(ValueError, match=r"m\.safetensors"):
                model.load_weights(path)
        for text in flipped:
            path.write_bytes(text)
            try:
                model.load_weights(path)
            except ValueError as error:
                assert "safetensors" in str(error)  # noqa: PT017 - most bytes make an error, not all


def test_booleans_are_zero_or_one(tmp_path: pathlib.Path) -> None:
    path = written(tmp_path / "m.safetensors", entry("BOOL", [8]), bytes([0, 1, 2, 255, 0, 0, 0, 1]))
    found = SafeTensors(path)["a"].numpy()
    assert found.dtype == bool
    assert found.view("uint8").tolist() == [0, 1, 1, 1, 0, 0, 0, 1]


def test_damaged_indexes(tmp_path: pathlib.Path) -> None:
    index = tmp_path / "m.safetensors.index.json"
    with backend_scope("numpy"):
        blocks().save_weights(tmp_path / "m.safetensors", max_shard_size=400 / GIGABYTE)
        found = json.loads(index.read_text())
        for name, message in (
            ("../x.safetensors", "lies elsewhere or is a link"),
            ("none.safetensors", "which isn't there"),
            (
                sorted(set(found["weight_map"].values()))[-1],
                "names .*, which aren't in the files where it says they are",
            ),
        ):
            index.write_text(json.dumps({"weight_map": found["weight_map"] | {"conv/kernel": name}}))
            with pytest.raises(ValueError, match=message):
                blocks().load_weights(index)


def test_one_array_at_a_time(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No array of the file is there any more when the next one is read or written."""
    import weakref

    alive: list[Any] = []
    most = 0

    def watched(read: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            nonlocal most
            most = max(most, sum(found() is not None for found in alive))
            array = read(*args)
            alive.append(weakref.ref(array))
            return array

        return call

    with backend_scope("numpy"):
        model = blocks()
        monkeypatch.setattr(safetensors_files, "array_of", watched(lambda variable: np.array(variable.value)))
        model.save_weights(tmp_path / "m.safetensors")
        assert (most, len(alive)) == (1, len(model.weights))
    with backend_scope("jax"):
        other, most = blocks(), 0
        alive.clear()
        monkeypatch.setattr(SafeTensors, "_read", watched(SafeTensors._read))
        other.load_weights(tmp_path / "m.safetensors")
        assert len(alive) == len(model.weights)
        assert most <= 1

"""Hostile files, one for each hole that loaders of this format had in public, and for what one would try next.

Each builder writes a file into a folder and returns its path. ``outside`` is a folder with a secret that nothing may read
and where nothing may be written.
"""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import marshal
import pathlib
import pickle
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np

SECRET = "secret.h5"


@dataclasses.dataclass(frozen=True)
class Attack:
    """One file, and what becomes of it."""

    build: Callable[[pathlib.Path, pathlib.Path], pathlib.Path]
    #: Part of the message it is refused with, a regular expression.
    message: str
    #: What it is about: numbers of advisories, or the idea.
    about: str
    #: The function that is given the file: ``load_model``, ``load_weights``, or ``get_file`` with its address.
    loader: str = "load_model"


ATTACKS: dict[str, Attack] = {}


def attack(message: str, about: str, loader: str = "load_model") -> Callable[[Any], Any]:
    """Put a builder into the table."""

    def decorate(build: Any) -> Any:
        ATTACKS[build.__name__] = Attack(build, message, about, loader)
        return build

    return decorate


# ---- an honest model, and changes to it -----------------------------------------------------------------------------


def layer(class_name: str, /, **config: Any) -> dict[str, Any]:
    """A layer's entry in a configuration."""
    return {"module": "keras.layers", "class_name": class_name, "config": config, "registered_name": None}


def dense(**config: Any) -> dict[str, Any]:
    """A built Dense layer of 4 inputs."""
    return layer("Dense", **({"units": 2, "name": "dense"} | config)) | {"build_config": {"input_shape": [None, 4]}}


def sequential(*layers: Any) -> dict[str, Any]:
    """A Sequential model's configuration."""
    first = layer("InputLayer", batch_shape=[None, 4], dtype="float32", name="input")
    config = {"name": "sequential", "layers": [first, *layers]}
    return {"module": "keras", "class_name": "Sequential", "config": config, "registered_name": None}


def weights(change: Callable[[h5py.File], None] = lambda file: None) -> bytes:
    """The file of a Dense layer's weights, changed."""
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        file["layers/dense/vars/0"] = np.zeros((4, 2), "float32")
        file["layers/dense/vars/1"] = np.zeros(2, "float32")
        file.create_group("vars")
        file.create_group("layers/input_layer/vars")
        change(file)
    return memory.getvalue()


def archive(
    path: pathlib.Path,
    config: Any,
    stored: bytes | None = None,
    compression: int = zipfile.ZIP_STORED,
    more: dict[str, bytes] | None = None,
) -> pathlib.Path:
    """A ``.keras`` file."""
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr("metadata.json", json.dumps({"keras_version": "3.15.1", "date_saved": "2026-01-01@00:00:00"}))
        file.writestr("config.json", config if isinstance(config, str | bytes) else json.dumps(config))
        file.writestr("model.weights.h5", weights() if stored is None else stored)
        for name, data in (more or {}).items():
            file.writestr(name, data)
    return path


def code_that_writes(outside: pathlib.Path) -> list[Any]:
    """A Python function as Keras writes lambdas: it leaves a file behind when it runs."""
    source = f"lambda x: (open({str(outside / 'ran')!r}, 'w').close(), x)[1]"
    code = base64.b64encode(marshal.dumps(eval(source).__code__)).decode()
    return [code, None, None]


class _Writes:
    def __init__(self, path: pathlib.Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return open, (str(self.path), "w")


def hostile_pickle(outside: pathlib.Path) -> str:
    """A pickle that leaves a file behind when it is read, in base64."""
    return base64.b64encode(pickle.dumps(_Writes(outside / "ran"))).decode()


# ---- code ------------------------------------------------------------------------------------------------------------


@attack("holds a Python lambda", "CVE-2024-3660: a Lambda layer with code")
def lambda_layer(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    function = {"class_name": "__lambda__", "config": {"value": code_that_writes(outside)}}
    return archive(folder / "a.keras", sequential(layer("Lambda", name="l", function=function)))


@attack("holds a Python lambda", "a lambda where any value may stand: an activation")
def lambda_activation(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    function = {"class_name": "__lambda__", "config": {"value": code_that_writes(outside)}}
    return archive(folder / "a.keras", sequential(dense(activation=function)))


@attack("holds a Python lambda", "CVE-2025-9905: the same in a legacy .h5 file, whose loader took no safe mode")
def lambda_in_legacy_h5(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    config = {
        "class_name": "Sequential",
        "config": {
            "name": "sequential",
            "layers": [
                {
                    "class_name": "InputLayer",
                    "config": {"batch_input_shape": [None, 4], "dtype": "float32", "name": "i"},
                },
                {
                    "class_name": "Lambda",
                    "config": {
                        "name": "l",
                        "trainable": True,
                        "dtype": "float32",
                        "function": code_that_writes(outside),
                        "function_type": "lambda",
                        "module": "__main__",
                        "output_shape": None,
                        "output_shape_type": "raw",
                        "output_shape_module": None,
                        "arguments": {},
                    },
                },
            ],
        },
    }
    path = folder / "a.h5"
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(config)
        file.attrs["keras_version"] = "2.15.0"
        file.attrs["backend"] = "tensorflow"
        weights = file.create_group("model_weights")
        weights.attrs["layer_names"] = np.array([b"l"])
        weights.create_group("l").attrs["weight_names"] = np.array([], "S1")
    return path


def _function(module: str, name: str) -> dict[str, Any]:
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


@attack("isn't registered", "CVE-2025-1550: a function named by its module")
def function_of_os(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    return archive(folder / "a.keras", sequential(dense(activation=_function("os", "system"))))


@attack("isn't registered", "CVE-2025-1550: a class named by its module")
def class_of_subprocess(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    popen = {"module": "subprocess", "class_name": "Popen", "config": {"args": ["touch", str(outside / "ran")]}}
    return archive(folder / "a.keras", sequential(popen | {"registered_name": "Popen"}))


@attack("isn't registered", "CVE-2025-1550: built-in functions")
def builtin_exec(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    return archive(folder / "a.keras", sequential(dense(activation=_function("builtins", "exec"))))


@attack("isn't registered", "CVE-2025-1550: a module beside the file is imported because it is named")
def module_beside(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    (folder / "evil_module.py").write_text(f"open({str(outside / 'ran')!r}, 'w')")
    return archive(folder / "a.keras", sequential(dense(activation=_function("evil_module", "f"))))


@attack("aren't registered", "CVE-2025-8747: the library's own downloader as a function")
def downloader(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    names = [("keras.utils", "get_file"), ("keras.src.utils.file_utils", "get_file"), ("triceras.utils", "get_file")]
    layers = [dense(name=f"d{i}", activation=_function(*name)) for i, name in enumerate(names)]
    return archive(folder / "a.keras", sequential(*layers))


@attack("isn't registered", "CVE-2025-9906: switching off safe mode from inside of the file")
def switching_off_safe_mode(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    off = {
        "module": "keras.config",
        "class_name": "enable_unsafe_deserialization",
        "config": {},
        "registered_name": "enable_unsafe_deserialization",
    }
    function = {"class_name": "__lambda__", "config": {"value": code_that_writes(outside)}}
    return archive(folder / "a.keras", sequential(off, layer("Lambda", name="l", function=function)))


@attack("holds a Python lambda", "CVE-2025-9906: an argument that says the file is trusted")
def says_it_is_trusted(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    function = {"class_name": "__lambda__", "config": {"value": code_that_writes(outside)}, "safe_mode": False}
    inner = layer("Lambda", name="l", function=function, safe_mode=False)
    return archive(folder / "a.keras", sequential(inner) | {"safe_mode": False, "custom_objects": {}})


@attack("isn't registered", "loader functions as a gadget: a file that loads another")
def loader_function(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    load = {"module": "keras.saving", "class_name": "load_model", "config": {"filepath": str(outside / SECRET)}}
    return archive(folder / "a.keras", sequential(load | {"registered_name": "load_model"}))


@attack("arguments it doesn.t know", "setters as a gadget: a class with other arguments")
def setter_gadget(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    return archive(folder / "a.keras", sequential(dense(__class__="Lambda", __dict__={"x": 1}, _backend="os")))


@attack("registered|refused", "CVE-2025-49655: a pickled torch module")
def torch_pickle(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    wrapper = layer("TorchModuleWrapper", name="t", module=hostile_pickle(outside), output_shape=None)
    return archive(folder / "a.keras", sequential(wrapper))


@attack("registered|refused", "CVE-2026-1462: a SavedModel that lies elsewhere")
def saved_model_elsewhere(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    return archive(folder / "a.keras", sequential(layer("TFSMLayer", name="t", filepath=str(outside))))


@attack("registered|refused", "CVE-2026-1462: the same behind a wrapper")
def saved_model_behind_a_wrapper(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    inner = layer("TFSMLayer", name="t", filepath=str(outside))
    return archive(folder / "a.keras", sequential(layer("TimeDistributed", name="w", layer=inner)))


# ---- other files -----------------------------------------------------------------------------------------------------


@attack("registered|refused", "CVE-2025-12058: a vocabulary read from a path")
def vocabulary_path(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    lookup = layer("StringLookup", name="s", vocabulary=str(outside / "secret.txt"), max_tokens=None)
    return archive(folder / "a.keras", sequential(lookup))


@attack("registered|refused", "CVE-2025-12058: a vocabulary fetched from an address")
def vocabulary_address(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    lookup = layer("TextVectorization", name="s", vocabulary="http://127.0.0.1:9/secret")
    return archive(folder / "a.keras", sequential(lookup))


def _with_kernel(path: pathlib.Path, make: Callable[[h5py.File], None]) -> pathlib.Path:
    def change(file: h5py.File) -> None:
        del file["layers/dense/vars/0"]
        make(file)

    return archive(path, sequential(dense()), weights(change))


@attack("its bytes lie elsewhere", "CVE-2026-1669: a dataset in external storage")
def external_storage(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    def make(file: h5py.File) -> None:
        file.create_dataset("layers/dense/vars/0", (4, 2), "f4", external=[(str(outside / "secret.txt"), 0, 32)])

    return _with_kernel(folder / "a.keras", make)


@attack("is a link", "CVE-2026-1669: a link to another file")
def external_link(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    def make(file: h5py.File) -> None:
        file["layers/dense/vars/0"] = h5py.ExternalLink(str(outside / SECRET), "kernel")

    return _with_kernel(folder / "a.keras", make)


@attack("is a link", "CVE-2026-1669: a group that is a link to another file")
def external_group(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    def change(file: h5py.File) -> None:
        del file["layers/dense"]
        file["layers/dense"] = h5py.ExternalLink(str(outside / SECRET), "/")

    return archive(folder / "a.keras", sequential(dense()), weights(change))


@attack("its bytes lie elsewhere", "CVE-2026-1669: a virtual dataset over another file")
def virtual_dataset(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    def make(file: h5py.File) -> None:
        layout = h5py.VirtualLayout((4, 2), "f4")
        layout[:] = h5py.VirtualSource(str(outside / SECRET), "kernel", (4, 2))
        file.create_virtual_dataset("layers/dense/vars/0", layout)

    return _with_kernel(folder / "a.keras", make)


@attack("is a link", "a soft link inside the file")
def soft_link(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    def make(file: h5py.File) -> None:
        file["elsewhere"] = np.zeros((4, 2), "float32")
        file["layers/dense/vars/0"] = h5py.SoftLink("/elsewhere")

    return _with_kernel(folder / "a.keras", make)


@attack("its bytes lie elsewhere", "external storage in a file of weights alone", "load_weights")
def external_storage_in_weights(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    def change(file: h5py.File) -> None:
        del file["layers/dense/vars/0"]
        file.create_dataset("layers/dense/vars/0", (4, 2), "f4", external=[(str(outside / "secret.txt"), 0, 32)])

    path = folder / "a.weights.h5"
    path.write_bytes(weights(change))
    return path


@attack("lead out of it", "GHSA-hqp4-2352-xf5r: members above the archive")
def member_above(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    return archive(folder / "a.keras", sequential(dense()), more={f"assets/../../{outside.name}/ran": b"x"})


@attack("lead out of it", "GHSA-hqp4-2352-xf5r: an absolute member")
def absolute_member(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    return archive(folder / "a.keras", sequential(dense()), more={str(outside / "ran"): b"x"})


@attack("lead out of it", "members above the archive, in Windows' spelling")
def backslash_member(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    return archive(folder / "a.keras", sequential(dense()), more={f"assets\\..\\..\\{outside.name}\\ran": b"x"})


@attack("slash|name", "CVE-2026-12479: a layer whose name leads out of the folder")
def layer_name_above(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    return archive(folder / "a.keras", sequential(dense(name=f"../../{outside.name}/ran")))


@attack("links to files outside", "a folder whose members are links to other files")
def folder_of_links(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    path = folder / "model"
    path.mkdir()
    (path / "config.json").write_text(json.dumps(sequential(dense())))
    (path / "metadata.json").write_text("{}")
    (path / "model.weights.h5").symlink_to(outside / SECRET)
    return path


# ---- memory ----------------------------------------------------------------------------------------------------------

HUGE = 10**10


@attack(r"has the shape|would bring", "CVE-2026-0897: a dataset that claims a huge shape and stores nothing")
def shape_bomb(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    def make(file: h5py.File) -> None:
        file.create_dataset("layers/dense/vars/0", (HUGE, HUGE), "f4", chunks=(1, 1))

    return _with_kernel(folder / "a.keras", make)


@attack(r"would bring", "CVE-2026-0897: the same, and a layer of that size")
def shape_bomb_with_its_layer(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    def change(file: h5py.File) -> None:
        del file["layers/dense/vars/0"], file["layers/dense/vars/1"]
        file.create_dataset("layers/dense/vars/0", (4, 10**9), "f4", chunks=(4, 1024))
        file.create_dataset("layers/dense/vars/1", (10**9,), "f4", chunks=(1024,))

    return archive(folder / "a.keras", sequential(dense(units=10**9)), weights(change))


@attack(r"has the shape|would bring", "a layer of a size that the file doesn't hold")
def layer_bomb(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    return archive(folder / "a.keras", sequential(dense(units=10**11)))


@attack(r"would bring|no variables", "many layers, each of them small enough")
def many_layers_bomb(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    layers = [
        layer("Dense", units=4096, name=f"d{i}") | {"build_config": {"input_shape": [None, 4096 if i else 4]}}
        for i in range(64)
    ]

    def change(file: h5py.File) -> None:
        del file["layers/dense"]
        for i in range(64):
            group = file.create_group(f"layers/dense{f'_{i}' if i else ''}/vars")
            group.create_dataset("0", (4096 if i else 4, 4096), "f4", chunks=(4, 4096))
            group.create_dataset("1", (4096,), "f4", chunks=(4096,))

    return archive(folder / "a.keras", sequential(*layers), weights(change))


@attack(r"would bring|no variables|has the shape", "an embedding without weights in the file")
def unstored_weights(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    embedding = layer("Embedding", input_dim=10**7, output_dim=1000, name="e")
    built = embedding | {"build_config": {"input_shape": [None, 4]}}
    return archive(folder / "a.keras", sequential(built))


@attack(r"would bring", "a decompression bomb in the archive")
def compressed_weights(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    return archive(folder / "a.keras", sequential(dense()), bytes(10**9), zipfile.ZIP_DEFLATED)


@attack(r"would bring", "a decompression bomb of text")
def compressed_config(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    return archive(folder / "a.keras", b"[" + b"0," * (2 * 10**8) + b"0]", None, zipfile.ZIP_DEFLATED)


@attack(r"would bring", "datasets below any limit of one, compressed 1,000 to 1, together too large")
def compressed_datasets(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    layers = [
        layer("Dense", units=1024, name=f"d{i}") | {"build_config": {"input_shape": [None, 1024 if i else 4]}}
        for i in range(40)
    ]

    def change(file: h5py.File) -> None:
        del file["layers/dense"]
        for i in range(40):
            group = file.create_group(f"layers/dense{f'_{i}' if i else ''}/vars")
            group.create_dataset("0", data=np.zeros((1024 if i else 4, 1024), "f4"), compression=9)
            group["1"] = np.zeros(1024, "f4")

    return archive(folder / "a.keras", sequential(*layers), weights(change))


@attack(r"claim more bytes than it has|two members of one name|no header|damaged", "members that share bytes")
def overlapping_members(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    path = archive(folder / "a.keras", sequential(dense()), more={"pad": bytes(100_000)})
    data = path.read_bytes()
    end = data.rindex(b"PK\5\6")
    start = int.from_bytes(data[end + 16 : end + 20], "little")
    directory = data[start:end]
    pad = directory[directory.rindex(b"PK\1\2") :]
    more = b"".join(pad[:46] + b"p%02d" % i for i in range(50))
    tail = bytearray(data[end:])
    count = int.from_bytes(tail[10:12], "little") + 50
    tail[8:10] = tail[10:12] = count.to_bytes(2, "little")
    tail[12:16] = (len(directory) + len(more)).to_bytes(4, "little")
    path.write_bytes(data[:end] + more + tail)
    return path


@attack("two members of one name", "one name twice: what was checked isn't what is read")
def two_of_one_name(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    path = archive(folder / "a.keras", sequential(dense()))
    import warnings

    with warnings.catch_warnings(), zipfile.ZipFile(path, "a") as file:
        warnings.simplefilter("ignore")
        file.writestr("config.json", "{}")
    return path


@attack("is no JSON|can't be read", "brackets nested without end")
def nested_config(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    return archive(folder / "a.keras", "[" * 10**6)


@attack("can't be read|is no JSON|nested", "models in models without end")
def nested_models(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    text = json.dumps(dense())
    head, tail = json.dumps(sequential("SPLIT")).split('"SPLIT"')
    return archive(folder / "a.keras", head * 3000 + text + tail * 3000)


@attack("can't be made|dtype", "an array whose dtype makes each element as large as one likes")
def array_of_long_strings(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    array = {"class_name": "__numpy__", "config": {"value": ["x"], "dtype": "S4000000000"}}
    return archive(folder / "a.keras", sequential(dense(kernel_initializer=array)))


@attack("can't be made|dtype", "an array of objects")
def array_of_objects(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    array = {"class_name": "__numpy__", "config": {"value": [{}], "dtype": "O"}}
    return archive(folder / "a.keras", sequential(dense(kernel_initializer=array)))


@attack("doesn't hold numbers|its bytes", "a dataset of strings of any length")
def dataset_of_strings(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    def make(file: h5py.File) -> None:
        strings = np.full((4, 2), "x", object)
        file.create_dataset("layers/dense/vars/0", data=strings, dtype=h5py.string_dtype())

    return _with_kernel(folder / "a.keras", make)


@attack("doesn't hold numbers|damaged", "a dataset of references into the file")
def dataset_of_references(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    def make(file: h5py.File) -> None:
        file.create_dataset("layers/dense/vars/0", (4, 2), h5py.ref_dtype)

    return _with_kernel(folder / "a.keras", make)


@attack("damaged|dtype", "a dtype's name that views bytes as pointers")
def dtype_of_pointers(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    def make(file: h5py.File) -> None:
        file["layers/dense/vars/0"] = np.zeros((4, 2), "V8")
        file["layers/dense/vars/0"].attrs["dtype"] = "object"

    return _with_kernel(folder / "a.keras", make)


@attack("cut off|damaged|no HDF5", "weights that aren't HDF5 but compressed data")
def weights_of_garbage(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    return archive(folder / "a.keras", sequential(dense()), zlib.compress(bytes(10**6)))


@attack("registered|lambda|refused", "several at once: a compressed archive, a link, a lambda, a path")
def combination(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    function = {"class_name": "__lambda__", "config": {"value": code_that_writes(outside)}}
    config = sequential(
        dense(), layer("TFSMLayer", name="t", filepath=str(outside)), layer("Lambda", function=function)
    )

    def change(file: h5py.File) -> None:
        del file["layers/dense/vars/0"]
        file["layers/dense/vars/0"] = h5py.ExternalLink(str(outside / SECRET), "kernel")

    return archive(folder / "a.keras", config, weights(change), zipfile.ZIP_DEFLATED)


# ---- archives to download ----------------------------------------------------------------------------------------------


def tar(path: pathlib.Path, *members: tarfile.TarInfo | tuple[str, bytes]) -> pathlib.Path:
    """A compressed archive of members, or of names and bytes."""
    with tarfile.open(path, "w:gz") as file:
        for found in members:
            name, data = (found.name, b"") if isinstance(found, tarfile.TarInfo) else found
            info = found if isinstance(found, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
    return path


def _link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@attack("lead|outside|out of", "CVE-2025-12060: a member above the folder", "get_file")
def tar_member_above(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    return tar(folder / "a.tar.gz", (f"../../../{outside.name}/ran", b"x"))


@attack("lead|outside|out of", "CVE-2025-12060: an absolute member", "get_file")
def tar_absolute_member(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    return tar(folder / "a.tar.gz", (str(outside / "ran"), b"x"))


@attack("link|lead|outside|out of", "CVE-2025-12638: a link out, and a member through it", "get_file")
def tar_through_a_link(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    return tar(folder / "a.tar.gz", _link("out", str(outside)), ("out/ran", b"x"))


@attack("link|lead|outside|out of|long", "CVE-2025-12638: links so long that their target isn't resolved", "get_file")
def tar_long_links(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    long, members = "d" * 247, []
    for i, letter in enumerate("abcdefghijklmnop"):
        members.append(_link("/".join([*"abcdefghijklmnop"[:i], letter]), long))
    members += [_link("a/b/escape", "../" * 18 + str(outside).lstrip("/")), ("a/b/escape/ran", b"x")]
    return tar(folder / "a.tar.gz", *members)


@attack("link|lead|outside|out of", "GHSA-hqp4-2352-xf5r: a hard link to a file outside", "get_file")
def tar_hard_link(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    return tar(folder / "a.tar.gz", _link("x", str(outside / "secret.txt"), tarfile.LNKTYPE), ("x", b"changed"))


@attack("device|special|kind|link|file", "a device file", "get_file")
def tar_device(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    return tar(folder / "a.tar.gz", _link("null", "", tarfile.CHRTYPE))


@attack("unfolds to far more", "an archive that unfolds to more than any disk holds", "get_file")
def tar_bomb(folder: pathlib.Path, outside: pathlib.Path) -> pathlib.Path:
    info = tarfile.TarInfo("x")
    info.size = 2**40
    path = folder / "a.tar"
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    return path

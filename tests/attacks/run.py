"""Gives hostile files to the loaders, in a process of its own whose every step is watched.

``python run.py FOLDER`` makes the files; ``python run.py FOLDER BACKEND`` loads them, in a process whose memory has not been
used for anything before, and prints for each attack the error, what happened beside it, and how much memory the process grew.
"""

from __future__ import annotations

import ctypes
import json
import os
import pathlib
import resource
import sys
import time
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))

from triceras.saving import hdf5

#: Events that no loading may cause: programs, sockets, code objects, pickles, changes to files.
FORBIDDEN = (
    "os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "socket.connect", "socket.bind", "marshal.loads",
    "pickle.find_class", "os.remove", "os.rename", "os.mkdir", "os.symlink", "os.link", "shutil.copyfile", "urllib.Request",
    "os.chmod", "os.putenv", "ctypes.dlopen", "code.__new__",
)  # fmt: skip


class Watch:
    """Notes events of the interpreter, and what any library opens in a folder."""

    def __init__(self, outside: pathlib.Path, inside: pathlib.Path) -> None:
        self.active = False
        #: A folder in which anything may be written, or None.
        self.cache: str | None = None
        self.events: list[str] = []
        self._inside = str(inside)
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._notes = self._libc.inotify_init1(os.O_NONBLOCK)
        everything = 0xFFF & ~0x10  # all but "closed without a change", which a listing of the folder makes
        assert self._libc.inotify_add_watch(self._notes, os.fsencode(outside), everything) >= 0
        sys.addaudithook(self._hook)

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.active:
            return
        if self.cache is not None and all(map(self._is_cached, args[:2])):
            return
        if event == "subprocess.Popen" and args[0] == sys.executable and hdf5._PROBE in args[1]:
            return  # the process that looks whether HDF5's library survives a file
        if event.startswith(FORBIDDEN):
            self.events.append(f"{event} {args!r:.200}")
        elif event == "open" and not isinstance(args[0], int):
            path, mode = str(args[0]), str(args[1])
            writes = any(letter in mode for letter in "wax+") or (isinstance(args[2], int) and args[2] & 3)
            reads_code = path.startswith(("/usr", sys.prefix, sys.base_prefix, str(pathlib.Path(__file__).parents[2])))
            if writes or not (reads_code or path.startswith((self._inside, "/proc/self", "/sys"))):
                self.events.append(f"open {path} {mode}")
        elif event == "import" and str(args[0]).startswith("evil"):
            self.events.append(f"import {args[0]}")

    def _is_cached(self, argument: Any) -> bool:
        """Whether an argument is no path, one inside of the cache, one below an open folder, or the archive's address."""
        text = str(argument)
        return text.startswith((str(self.cache), f"file://{self._inside}")) or not text.startswith(
            ("/", "file:", "http:")
        )

    def opened_outside(self) -> bool:
        """Whether anything was opened, read or changed in the folder since the last call; C libraries included."""
        try:
            return bool(os.read(self._notes, 65536))
        except BlockingIOError:
            return False


def build(folder: pathlib.Path, outside: pathlib.Path) -> None:
    """All files, and a folder that must stay as it is."""
    import h5py
    import numpy as np

    from tests.attacks.files import ATTACKS, archive, dense, sequential, tar

    outside.mkdir()
    (outside / "secret.txt").write_bytes(b"secret" * 100)
    with h5py.File(outside / "secret.h5", "w") as file:
        file["kernel"] = np.ones((4, 2), "float32")
    paths = {"honest": str(archive(folder / "honest.keras", sequential(dense(activation="relu"))))}
    (folder / "honest").mkdir()
    paths["tar"] = str(tar(folder / "honest" / "a.tar.gz", ("a.txt", b"x")))
    for name, attack in ATTACKS.items():
        (folder / name).mkdir()
        paths[name] = str(attack.build(folder / name, outside))
    (folder / "paths.json").write_text(json.dumps(paths))


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    outside = folder / "outside"
    if len(sys.argv) == 2:
        build(folder, outside)
        return
    os.environ["TRICERAS_BACKEND"] = sys.argv[2]
    import triceras
    from tests.attacks.files import ATTACKS
    from triceras import layers

    paths = json.loads((folder / "paths.json").read_text())

    def model() -> Any:
        return triceras.Sequential([layers.Input((4,)), layers.Dense(2, name="dense")])

    def get_file(path: str) -> Any:
        cache = folder / "cache" / pathlib.Path(path).parent.name
        return triceras.utils.get_file(origin=pathlib.Path(path).as_uri(), extract=True, cache_dir=cache)

    loaders: dict[str, Any] = {
        "load_model": lambda: triceras.models.load_model,
        "load_weights": lambda: model().load_weights,
        "get_file": lambda: get_file,
    }

    os.chdir(folder)
    triceras.models.load_model(paths["honest"])  # what loads late is loaded now
    get_file(paths["tar"])
    watch = Watch(outside, folder)
    (outside / "secret.txt").read_bytes()
    assert watch.opened_outside(), "the watch sees nothing"
    results = {}
    for name, attack in ATTACKS.items():
        before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
        load = loaders[attack.loader]()
        watch.events.clear()
        watch.cache = str(folder / "cache") if attack.loader == "get_file" else None
        watch.active = True
        try:
            load(paths[name])
            error, kind = "", "loaded"
        except Exception as caught:  # noqa: BLE001 - the test says which ones it may be
            error, kind = str(caught), ",".join(cls.__name__ for cls in type(caught).__mro__)
        watch.active = False
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        results[name] = {
            "error": error[:3000],
            "kind": kind,
            "events": list(watch.events),
            "outside": watch.opened_outside()
            or sorted(p.name for p in outside.iterdir()) != ["secret.h5", "secret.txt"],
            "megabytes": grown / 1024,
            "seconds": time.perf_counter() - started,
        }
        watch.opened_outside()  # the listing of the folder is an event too
    print(json.dumps(results))


if __name__ == "__main__":
    main()

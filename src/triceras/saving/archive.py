"""A model file's members, whether it is an archive or a folder: read in place, never extracted."""

from __future__ import annotations

import concurrent.futures
import contextlib
import io
import json
import os
import pathlib
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, Any

from triceras.core.errors import FileFormatError, UnsafeFileError
from triceras.saving.limits import Budget

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
ASSETS = "assets/"
#: The size of a member's header in an archive, before its name and extra field, and where it tells their lengths.
_HEADER_BYTES, _LENGTHS_AT = 30, 26
#: How much is read at a time where a checksum is computed.
_CHUNK = 1 << 20


class Slice(io.RawIOBase):
    """A part of an open file as a file of its own, for reading.

    Args:
        file: the file, opened for reading without a buffer.
        start, size: where the part begins, and its length in bytes.
    """

    def __init__(self, file: io.FileIO, start: int, size: int) -> None:
        self._file = file
        self._start, self._size, self._at = start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        view = view[: max(0, min(len(view), self._size - self._at))]
        self._file.seek(self._start + self._at)
        done = self._file.readinto(view) or 0
        self._at += done
        return done


class ModelArchive:
    """The members of a ``.keras`` file, or of the folder that is the same unpacked.

    Args:
        path: the file or folder.
        trusted: whether whoever reads it vouches for it, so that its sizes have no limit.

    Raises:
        FileFormatError: it isn't an archive, or is damaged.
        UnsafeFileError: a member's name leads out of it, or members share bytes.
    """

    def __init__(self, path: pathlib.Path, trusted: bool = False) -> None:
        self.path = path
        self._closing = contextlib.ExitStack()
        self._checker = self._closing.enter_context(concurrent.futures.ThreadPoolExecutor(1))
        self._checks: dict[str, concurrent.futures.Future[int]] = {}
        if path.is_dir():
            self._zip = None
            files = [p for p in path.rglob("*") if p.is_file()]
            outside = [str(p) for p in files if not trusted and not p.resolve().is_relative_to(path.resolve())]
            if outside:
                raise UnsafeFileError(
                    f"{path} has links to files outside of it: {outside[:5]}. If you trust who made it, pass safe_mode=False."
                )
            self.names: dict[str, Any] = {p.relative_to(path).as_posix(): p for p in files}
            size = sum(p.stat().st_size for p in files)
        else:
            size = path.stat().st_size
            self._file = self._closing.enter_context(path.open("rb", buffering=0))
            self._zip = self._opened_zip(size)
        self.budget = Budget(str(path), size, trusted)

    def _opened_zip(self, size: int) -> zipfile.ZipFile:
        try:
            archive = self._closing.enter_context(zipfile.ZipFile(self.path))
        except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, EOFError) as error:
            self._closing.close()
            raise FileFormatError(
                f"{self.path} is no .keras archive, or is cut off: {error}. Files of weights are read with "
                "model.load_weights()."
            ) from error
        infos = archive.infolist()
        self.names = {info.filename: info for info in infos}
        for info in infos:
            if info.flag_bits & 1:
                raise FileFormatError(f"{self.path}: the member {info.filename!r} is encrypted.")
        unsafe = [name for name in self.names if leads_out(name)]
        if unsafe:
            raise UnsafeFileError(
                f"{self.path} has members whose names lead out of it, as no model file has: {unsafe[:5]}."
            )
        if len(self.names) != len(infos):
            raise UnsafeFileError(f"{self.path} has two members of one name, as no model file has.")
        if sum(info.compress_size for info in infos) > size:
            raise UnsafeFileError(f"{self.path}: its members claim more bytes than it has; some are shared.")
        return archive

    def __enter__(self) -> ModelArchive:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._closing.close()

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def _member(self, name: str) -> Any:
        if name not in self.names:
            raise FileFormatError(f"{self.path} has no {name}; it isn't a model file, or is damaged.")
        return self.names[name]

    def read(self, name: str) -> bytes:
        """The bytes of a member.

        Raises:
            FileFormatError: there is none, or its checksum differs.
            UnsafeFileError: it unfolds to more than the file's size warrants.
        """
        member = self._member(name)
        if self._zip is None:
            self.budget.take(member.stat().st_size, name)
            return member.read_bytes()
        self.budget.take(member.file_size, name)
        try:
            return self._zip.read(member)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as error:
            raise FileFormatError(f"{self.path}: {name} is damaged: {error}") from error

    def json(self, name: str) -> Any:
        """What a member of JSON holds.

        Raises:
            FileFormatError: there is none, or it is no JSON.
        """
        return parse_json(self.read(name), f"{self.path}: {name}")

    def open(self, name: str, checked: bool = True) -> IO[bytes]:
        """A member as a file for reading: in place where it is stored as it is, else unpacked in memory.

        Args:
            name: the member.
            checked: whether a thread reads it as a whole, for ``check``.
        """
        member = self._member(name)
        if self._zip is None:
            return self._closing.enter_context(member.open("rb", buffering=0))
        if member.compress_type != zipfile.ZIP_STORED or member.file_size != member.compress_size:
            return io.BytesIO(self.read(name))
        self._file.seek(member.header_offset)
        header = self._file.read(_HEADER_BYTES)
        if len(header) < _HEADER_BYTES or header[:4] != b"PK\3\4":
            raise FileFormatError(f"{self.path}: {name} is damaged: there is no header where the index says.")
        lengths = (int.from_bytes(header[_LENGTHS_AT + i : _LENGTHS_AT + i + 2], "little") for i in (0, 2))
        start = member.header_offset + _HEADER_BYTES + sum(lengths)
        if checked:
            self._checks[name] = self._checker.submit(_checksum, self.path, start, member.file_size)
        return Slice(self._file, start, member.file_size)  # type: ignore[return-value]

    def check(self) -> None:
        """Wait for the checksums of the members that were opened; a thread computes them while they are read.

        Raises:
            FileFormatError: a member isn't what was written.
        """
        for name, found in self._checks.items():
            if found.result() != self.names[name].CRC:
                raise FileFormatError(
                    f"{self.path}: {name} is damaged: its checksum differs from the one noted beside it."
                )

    def assets(self) -> Iterator[tuple[str, bytes]]:
        """The paths and bytes of the members of layers that keep files of their own."""
        for name in self.names:
            if name.startswith(ASSETS) and not name.endswith("/"):
                yield name.removeprefix(ASSETS), self.read(name)


def _checksum(path: pathlib.Path, start: int, size: int) -> int:
    """The CRC-32 of a part of a file."""
    found, buffer = 0, memoryview(bytearray(_CHUNK))
    with path.open("rb", buffering=0) as file:
        file.seek(start)
        while size > 0 and (count := file.readinto(buffer[: min(size, _CHUNK)])):
            found = zlib.crc32(buffer[:count], found)
            size -= count
    return found


def parse_json(text: bytes | str, source: str) -> Any:
    """What JSON says.

    Raises:
        FileFormatError: it is none, or nested deeper than any model is.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"{source} is no JSON: {error}") from error


def leads_out(name: str) -> bool:
    """Whether a path inside an archive is absolute or goes up, on any platform.

    Example:
        >>> [leads_out(name) for name in ("a/b..c", "/a", "a/../b", "..\\\\b", "C:b")]
        [False, True, True, True, True]
    """
    parts = name.replace("\\", "/").split("/")
    return parts[0] == "" or ".." in parts or (len(parts[0]) > 1 and parts[0][1] == ":")

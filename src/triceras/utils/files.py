"""Files from the network: checked before they have their name, unpacked without leaving their folder."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import lzma
import os
import pathlib
import shutil
import stat
import tarfile
import tempfile
import urllib.error
import urllib.parse
import urllib.request
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from typing import IO, Any, NamedTuple

from triceras.callbacks.progress import display_for
from triceras.core.errors import FileFormatError, UnsafeFileError
from triceras.saving.archive import leads_out
from triceras.saving.atomic import replacing

_CHUNK = 2**20
#: Seconds without a byte after which a download fails.
_TIMEOUT = 60
#: What an archive may unfold to, in bytes, and how many times its size beyond that.
_FREE_BYTES, _EXPANSION = 2**30, 200
#: What a member counts besides its content: a file takes a block on the disk even if it is empty.
_MEMBER_BYTES = 512
#: Headers of tar archives that are longer than a block.
_EXTENSIONS = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)
_HANDLERS = ("Proxy", "Unknown", "HTTP", "HTTPS", "HTTPDefaultError", "HTTPRedirect", "File")
#: The length of a checksum in hexadecimal digits -> its algorithm, for ``hash_algorithm="auto"``.
_ALGORITHMS = {32: "md5", 40: "sha1", 64: "sha256", 96: "sha384", 128: "sha512"}


def get_file(
    fname: str | os.PathLike[str] | None = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: str | list[str] | None = "auto",
    cache_dir: str | os.PathLike[str] | None = None,
    force_download: bool = False,
) -> str:
    """Download a file, unless it is there already.

    A file has its name once it is whole and has the right checksum, a folder once it is unpacked.

    Args:
        fname: its name in the cache; that at the end of ``origin`` by default. An archive ``data.tar.gz`` is unpacked to
            ``data_extracted``; one without a name, or a name without a dot, to a folder of this name.
        origin: its address: ``http://``, ``https://`` or ``file://``.
        untar: the same as ``extract`` of a tar archive.
        md5_hash: the same as ``file_hash`` for MD5.
        file_hash: its checksum in hexadecimal digits. One that is there and has another is downloaded again.
        cache_subdir: the folder inside of the cache; an absolute path stands for itself.
        hash_algorithm: ``"sha256"``, ``"md5"`` or another of ``hashlib``'s; ``"auto"`` tells by the length.
        extract: whether to unpack it if it is an archive.
        archive_format: ``"tar"``, ``"zip"``, a list of such, ``"auto"`` for both, or None for neither.
        cache_dir: the cache; ``$TRICERAS_HOME``, ``$KERAS_HOME`` or ``~/.keras`` by default, so that files that Keras
            downloaded are found.
        force_download: whether to download it even so.

    Returns:
        The path of the file, or of the folder that it was unpacked to.

    Raises:
        ValueError: the address or the name isn't one, or the checksum is another.
        UnsafeFileError: the archive has members that lead out of its folder, or unfolds to far more than its size.
        OSError: the download failed.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = pathlib.Path(folder, "a.txt").write_text("text")
        ...     path = get_file("b.txt", pathlib.Path(folder, "a.txt").as_uri(), cache_dir=folder)
        ...     pathlib.Path(path).relative_to(folder).as_posix(), pathlib.Path(path).read_text()
        b.txt - 1/1 - ...
        ('datasets/b.txt', 'text')
    """
    if not origin:
        raise ValueError('get_file() needs an address: pass origin="https://...".')
    if md5_hash is not None and file_hash is None:
        file_hash, hash_algorithm = md5_hash, "md5"
    unpacks = untar or extract
    folder, name = _folder(cache_dir, cache_subdir), _name(fname, origin)
    has_own_name = fname is not None and "." in name
    target = folder / (f"{name}_archive" if unpacks and not has_own_name else name)
    is_there = target.is_file() and (file_hash is None or _has_hash(target, file_hash, hash_algorithm))
    if force_download or not is_there:
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target) as temporary:
            _download(origin, temporary, target.name)
            if file_hash is not None and not _has_hash(temporary, file_hash, hash_algorithm):
                raise ValueError(
                    f"What {origin} sent has another checksum than expected: {file_hash} ({hash_algorithm}). It is "
                    "incomplete, or another file; nothing was kept."
                )
    if not unpacks:
        return str(target)
    unpacked = folder / (f"{name.partition('.')[0]}_extracted" if has_own_name else name)
    return str(_extracted(target, unpacked, "tar" if untar else archive_format, force_download or not is_there))


# ---- names -----------------------------------------------------------------------------------------------------------


def _folder(cache_dir: Any, cache_subdir: str) -> pathlib.Path:
    homes = (cache_dir, os.environ.get("TRICERAS_HOME"), os.environ.get("KERAS_HOME"), "~/.keras")
    return pathlib.Path(next(home for home in homes if home)).expanduser() / cache_subdir


def _name(fname: Any, origin: str) -> str:
    name = (
        urllib.parse.unquote(urllib.parse.urlsplit(origin).path).rpartition("/")[2]
        if fname is None
        else os.fspath(fname)
    )
    if not name.strip(".") or leads_out(name) or "/" in name or "\\" in name or "\0" in name:
        source = f"the end of {origin!r}" if fname is None else "fname"
        raise ValueError(
            f"{source} is no name of a file: {name!r}. Pass a name as fname, and its folder as cache_subdir."
        )
    return name


# ---- downloading -----------------------------------------------------------------------------------------------------


def _download(origin: str, path: pathlib.Path, name: str) -> None:
    scheme = urllib.parse.urlsplit(origin).scheme
    if scheme not in ("http", "https", "file"):
        raise ValueError(f"Addresses begin with http://, https:// or file://, received {origin!r}.")
    opener = urllib.request.OpenerDirector()
    for handler in _HANDLERS:
        opener.add_handler(getattr(urllib.request, f"{handler}Handler")())
    opener.add_handler(urllib.request.HTTPErrorProcessor())
    request = urllib.request.Request(origin, headers={"User-Agent": "triceras"})
    try:
        with opener.open(request, timeout=_TIMEOUT) as response, path.open("wb") as file:  # type: ignore[union-attr]
            _copy(response, file, int(response.headers.get("Content-Length") or -1), name)
    except (OSError, ValueError) as error:
        raise OSError(f"Downloading {origin} failed: {error}") from error


def _copy(response: Any, file: IO[bytes], size: int, name: str) -> None:
    display = display_for(name, -(-size // _CHUNK) if size >= 0 else None, 1, unit="MB")
    display.begin()
    try:
        while chunk := response.read(_CHUNK):
            file.write(chunk)
            if display.passed():
                display.show(-(-file.tell() // _CHUNK), ())
        display.end(-(-file.tell() // _CHUNK), ())
    finally:
        display.close()
    if 0 <= size != file.tell():
        raise ValueError(f"it ended after {file.tell():,} of {size:,} bytes.")


def _has_hash(path: pathlib.Path, expected: str, algorithm: str) -> bool:
    name = _ALGORITHMS.get(len(expected), "") if algorithm == "auto" else algorithm
    if name not in hashlib.algorithms_available:
        raise ValueError(
            f"No algorithm for the checksum {expected!r}: received hash_algorithm={algorithm!r}, expected one of "
            f"{', '.join(sorted(_ALGORITHMS.values()))}."
        )
    with path.open("rb") as file:
        return hashlib.file_digest(file, name).hexdigest() == expected.lower()


# ---- unpacking -------------------------------------------------------------------------------------------------------


class _Member(NamedTuple):
    """A member of an archive: a file that ``content`` opens, a folder, or a link."""

    name: str
    kind: str
    size: int
    content: Any
    link: str = ""
    executable: bool = False


def _extracted(path: pathlib.Path, target: pathlib.Path, formats: Any, again: bool) -> pathlib.Path:
    """The folder that an archive is unpacked to; the file itself if it is none."""
    names = {"auto": ("tar", "zip"), None: ()}.get(formats, (formats,)) if isinstance(formats, str | None) else formats
    unknown = [name for name in names if name not in _OPENERS]
    if unknown:
        raise ValueError(f"archive_format is made of {', '.join(_OPENERS)}, received {formats!r}.")
    opened = next((_OPENERS[name] for name in names if _IS_ONE[name](path)), None)
    if opened is None:
        return path
    if target.is_dir() and not again:
        return target
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as temporary:
        folder = pathlib.Path(temporary, "new")
        folder.mkdir()
        try:
            with opened(path) as members:
                _unpack(members, folder, path)
        except _DAMAGE as error:
            raise FileFormatError(f"The archive {path} is damaged: {error}") from error
        if target.exists():
            target.rename(pathlib.Path(temporary, "old"))
        folder.rename(target)
    return target


class _Header(tarfile.TarInfo):
    """A header whose extension, which is read into memory as a whole, isn't longer than names and comments are."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Any:
        found = super().frombuf(buf, encoding, errors)
        if found.type in _EXTENSIONS and found.size > _CHUNK:
            raise UnsafeFileError(f"The archive has a header of {found.size:,} bytes; at most {_CHUNK:,} are read.")
        return found


@contextlib.contextmanager
def _tar(path: pathlib.Path) -> Iterator[Iterator[_Member]]:
    with tarfile.open(path, tarinfo=_Header) as archive:
        yield (_tar_member(archive, info, path) for info in archive)


def _tar_member(archive: tarfile.TarFile, info: tarfile.TarInfo, path: pathlib.Path) -> _Member:
    tests = {"file": info.isfile, "folder": info.isdir, "symbolic link": info.issym, "hard link": info.islnk}
    kind = next((kind for kind, test in tests.items() if test()), "device")
    return _Member(
        info.name, kind, info.size, lambda: archive.extractfile(info), info.linkname, bool(info.mode & stat.S_IXUSR)
    )


def _is_tar(path: pathlib.Path) -> bool:
    try:
        tarfile.open(path, tarinfo=_Header).close()
    except tarfile.TarError:
        return False
    except EOFError:  # compressed and cut off, which is said where it is unpacked
        return True
    return True


@contextlib.contextmanager
def _zip(path: pathlib.Path) -> Iterator[Iterator[_Member]]:
    with zipfile.ZipFile(path) as archive:
        yield (
            _Member(
                info.filename,
                "folder" if info.is_dir() else "file",
                info.file_size,
                lambda info=info: archive.open(info),
            )
            for info in archive.infolist()
        )


_OPENERS = {"tar": _tar, "zip": _zip}
_IS_ONE = {"tar": _is_tar, "zip": zipfile.is_zipfile}
#: What damaged archives raise.
_DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    lzma.LZMAError,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
)


def _unpack(members: Iterable[_Member], folder: pathlib.Path, source: pathlib.Path) -> None:
    """Write an archive's members into an empty folder.

    Symbolic links are made last, so nothing is ever written through one. Each goes up only at its beginning, from the
    folder that it really is in, and no further than to the top: so all of them together lead nowhere else, in any order.
    """
    links: list[_Member] = []
    left = min(_FREE_BYTES + _EXPANSION * source.stat().st_size, shutil.disk_usage(folder).free)
    for member in members:
        if leads_out(member.name) or "\0" in member.name or member.kind == "device":
            raise UnsafeFileError(
                f"{source}: the member {member.name!r} is a {member.kind} that leads out of the folder."
            )
        left -= member.size + _MEMBER_BYTES
        if left < 0:
            raise UnsafeFileError(
                f"{source} unfolds to far more than its size warrants, or than the disk has room for."
            )
        place = folder / member.name
        if member.kind == "folder":
            place.mkdir(parents=True, exist_ok=True)
        elif member.kind == "symbolic link":
            links.append(member)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            _write_member(member, place, folder, source)
    for member in links:
        _link(member, folder, source)


def _write_member(member: _Member, place: pathlib.Path, folder: pathlib.Path, source: pathlib.Path) -> None:
    if member.kind == "hard link":
        if leads_out(member.link) or not (folder / member.link).is_file():
            raise UnsafeFileError(f"{source}: {member.name!r} is a hard link to {member.link!r}, which isn't in it.")
        shutil.copy(folder / member.link, place)
        return
    with member.content() as content, place.open("wb") as file:
        shutil.copyfileobj(content, file, _CHUNK)
        if file.tell() != member.size:
            raise FileFormatError(
                f"{source}: {member.name!r} has {file.tell():,} bytes where it claims {member.size:,}."
            )
    if member.executable:
        place.chmod(place.stat().st_mode | 0o111)


def _link(member: _Member, folder: pathlib.Path, source: pathlib.Path) -> None:
    parts = pathlib.PurePosixPath(member.name).parts
    wanted = pathlib.PurePosixPath(member.link).parts
    up = next((i for i, part in enumerate(wanted) if part != ".."), len(wanted))
    place = folder / member.name
    through_a_link = any((folder / parent).is_symlink() for parent in pathlib.PurePosixPath(member.name).parents)
    if up >= len(parts) or leads_out("/".join(wanted[up:]) or ".") or not wanted or through_a_link:
        raise UnsafeFileError(
            f"{source}: {member.name!r} is a link to {member.link!r}, which may lead out of the folder."
        )
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.exists() or place.is_symlink():
        raise FileFormatError(f"{source} has two members of the name {member.name!r}.")
    place.symlink_to(member.link)

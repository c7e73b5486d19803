"""Downloads and archives: whole or not at all, and nothing outside of their folder."""

from __future__ import annotations

import functools
import hashlib
import http.server
import io
import pathlib
import stat
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator

import pytest

from triceras.utils import get_file

TEXT = b"a few words"
HASHES = {name: hashlib.new(name, TEXT).hexdigest() for name in ("md5", "sha1", "sha256", "sha512")}


@pytest.fixture
def source(tmp_path: pathlib.Path) -> pathlib.Path:
    """A folder with a text and archives of it."""
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "a.txt").write_bytes(TEXT)
    with tarfile.open(folder / "t.tar.gz", "w:gz") as archive:
        archive.add(folder / "a.txt", "d/a.txt")
    with zipfile.ZipFile(folder / "z.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("d/", "")
        archive.writestr("d/a.txt", TEXT)
    return folder


@pytest.fixture
def fetch(source: pathlib.Path, tmp_path: pathlib.Path) -> Callable[..., str]:
    """``get_file`` of a file in that folder, into a cache of its own."""

    def call(name: str, fname: str | None = None, **kwargs: object) -> str:
        found = get_file(fname, (source / name).as_uri(), cache_dir=tmp_path / "cache", **kwargs)  # type: ignore[arg-type]
        return pathlib.Path(found).relative_to(tmp_path / "cache" / "datasets").as_posix()

    return call


def cached(tmp_path: pathlib.Path) -> list[str]:
    folder = tmp_path / "cache" / "datasets"
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*")) if folder.exists() else []


# ---- names ----------------------------------------------------------------------------------------------------------

#: The name at the source, arguments, what is returned, and what is in the cache.
NAMES = [
    ("a.txt", None, {}, "a.txt", "a.txt"),
    ("a.txt", "b.txt", {}, "b.txt", "b.txt"),
    (
        "t.tar.gz",
        "t.tar.gz",
        {"extract": True},
        "t_extracted",
        "t.tar.gz t_extracted t_extracted/d t_extracted/d/a.txt",
    ),
    ("t.tar.gz", "words", {"untar": True}, "words", "words words/d words/d/a.txt words_archive"),
    ("z.zip", None, {"extract": True}, "z.zip", "z.zip z.zip/d z.zip/d/a.txt z.zip_archive"),
    ("z.zip", "y.x.zip", {"extract": True}, "y_extracted", "y.x.zip y_extracted y_extracted/d y_extracted/d/a.txt"),
    ("z.zip", "z.zip", {"extract": True, "archive_format": "tar"}, "z.zip", "z.zip"),
    ("z.zip", "z.zip", {"extract": True, "archive_format": None}, "z.zip", "z.zip"),
    ("a.txt", "a.txt", {"extract": True, "archive_format": ["zip", "tar"]}, "a.txt", "a.txt"),
]


@pytest.mark.parametrize("name, fname, kwargs, returned, there", NAMES)
def test_names(
    fetch: Callable[..., str], tmp_path: pathlib.Path, name: str, fname: str, kwargs: dict, returned: str, there: str
) -> None:
    assert fetch(name, fname, **kwargs) == returned
    assert cached(tmp_path) == there.split()
    for path in there.split():
        if path.endswith("a.txt"):
            assert (tmp_path / "cache" / "datasets" / path).read_bytes() == TEXT


@pytest.mark.parametrize("fname", ["../b.txt", "/b.txt", "d/b.txt", "..", "d\\b.txt", "C:b.txt", ""])
def test_names_that_are_paths(fetch: Callable[..., str], tmp_path: pathlib.Path, fname: str) -> None:
    with pytest.raises(ValueError, match="fname is no name of a file"):
        fetch("a.txt", fname)
    assert cached(tmp_path) == []


@pytest.mark.parametrize("origin", ["http://localhost/", "file:///..", "file:///a/%2e%2e", "http://localhost/..%5Cx"])
def test_addresses_without_a_name(tmp_path: pathlib.Path, origin: str) -> None:
    with pytest.raises(ValueError, match="is no name of a file"):
        get_file(origin=origin, cache_dir=tmp_path)


def test_addresses(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ValueError, match="needs an address"):
        get_file("a.txt")
    for origin in ("ftp://localhost/a.txt", "data:text/plain,a.txt", "/etc/hostname"):
        with pytest.raises(ValueError, match="Addresses begin with http://, https:// or file://"):
            get_file("a.txt", origin, cache_dir=tmp_path)
    with pytest.raises(OSError, match=r"Downloading file:.*nowhere failed"):
        get_file("a.txt", (tmp_path / "nowhere").as_uri(), cache_dir=tmp_path)
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == []


def test_the_cache_is_keras_s(source: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    origin = (source / "a.txt").as_uri()
    for variable, folder in (("HOME", ".keras"), ("KERAS_HOME", ""), ("TRICERAS_HOME", "")):
        monkeypatch.setenv(variable, str(tmp_path / variable))
        expected = tmp_path / variable / folder / "datasets" / "a.txt"
        assert get_file(origin=origin) == str(expected)
        assert expected.read_bytes() == TEXT
    assert get_file(origin=origin, cache_subdir=str(tmp_path / "x")) == str(tmp_path / "x" / "a.txt")


# ---- checksums and downloads -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HASHES)
def test_checksums(fetch: Callable[..., str], tmp_path: pathlib.Path, name: str) -> None:
    for kwargs in ({"file_hash": HASHES[name].upper()}, {"file_hash": HASHES[name], "hash_algorithm": name}):
        assert fetch("a.txt", **kwargs) == "a.txt"
    target = tmp_path / "cache" / "datasets" / "a.txt"
    target.write_bytes(b"damaged")
    fetch("a.txt", file_hash=HASHES[name])
    assert target.read_bytes() == TEXT
    wrong = HASHES[name].replace(HASHES[name][0], "x")
    with pytest.raises(ValueError, match="has another checksum than expected"):
        fetch("a.txt", file_hash=wrong)
    with pytest.raises(ValueError, match="has another checksum than expected"):
        fetch("a.txt", "b.txt", file_hash=wrong)
    assert cached(tmp_path) == ["a.txt"]
    assert target.read_bytes() == TEXT


def test_md5_and_unknown_checksums(fetch: Callable[..., str]) -> None:
    fetch("a.txt", md5_hash=HASHES["md5"])
    for kwargs in ({"file_hash": "abc"}, {"file_hash": HASHES["md5"], "hash_algorithm": "crc"}):
        with pytest.raises(ValueError, match="No algorithm for the checksum"):
            fetch("a.txt", **kwargs)


def test_what_is_there_stays(fetch: Callable[..., str], source: pathlib.Path, tmp_path: pathlib.Path) -> None:
    fetch("t.tar.gz", "t.tar.gz", extract=True)
    (source / "t.tar.gz").unlink()
    assert fetch("t.tar.gz", "t.tar.gz", extract=True) == "t_extracted"
    with tarfile.open(source / "t.tar.gz", "w:gz") as archive:
        archive.add(source / "a.txt", "new.txt")
    assert "t_extracted/new.txt" not in cached(tmp_path)
    fetch("t.tar.gz", "t.tar.gz", extract=True, force_download=True)
    assert cached(tmp_path) == ["t.tar.gz", "t_extracted", "t_extracted/new.txt"]


class _Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/short.txt":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(TEXT)
        elif self.path in ("/moved", "/away"):
            self.send_response(302)
            self.send_header("Location", "/a.txt" if self.path == "/moved" else "file:///etc/hostname")
            self.end_headers()
        else:
            super().do_GET()

    def log_message(self, *args: object) -> None: ...


@pytest.fixture
def server(source: pathlib.Path) -> Iterator[str]:
    """The address of a server of that folder."""
    handler = functools.partial(_Handler, directory=str(source))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join()


def test_a_server(server: str, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in ("a.txt?version=1/2", "moved"):
        found = pathlib.Path(get_file(origin=f"{server}/{path}", cache_dir=tmp_path, file_hash=HASHES["sha256"]))
        assert (found.name, found.read_bytes()) == (path.partition("?")[0], TEXT)
    assert "a.txt - 1/1" in capsys.readouterr().out
    for path, message in (("none.txt", "404"), ("short.txt", "ended after 11 of 1,000"), ("away", "is not allowed")):
        with pytest.raises(OSError, match=f"Downloading {server}/{path} failed.*{message}"):
            get_file(origin=f"{server}/{path}", cache_dir=tmp_path)
    assert sorted(p.name for p in (tmp_path / "datasets").iterdir()) == ["a.txt", "moved"]


# ---- archives --------------------------------------------------------------------------------------------------------


def member(
    name: str, kind: bytes = tarfile.REGTYPE, link: str = "", data: bytes = TEXT
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    info.size = len(data) if kind == tarfile.REGTYPE else 0
    return info, data


def archive_of(path: pathlib.Path, members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data) if info.isreg() else None)


LINK, HARD = tarfile.SYMTYPE, tarfile.LNKTYPE
LONG = "/".join(["d" * 200] * 15)
HOSTILE = {
    "up": [member("../evil")],
    "inner up": [member("a/../../evil")],
    "absolute": [member("/tmp/evil")],
    "backslash": [member("..\\evil")],
    "drive": [member("C:/evil")],
    "link up": [member("l", LINK, "..")],
    "link up twice": [member("d/l", LINK, "../../x")],
    "absolute link": [member("l", LINK, "/etc")],
    "up inside of a link": [member("d/l", LINK, "e/../../..")],
    "link to nothing": [member("l", LINK, "")],
    "write through a link": [member("l", LINK, "."), member("l/evil")],
    "link through a link": [member("a/b/l", LINK, "../.."), member("a/b/l/m", LINK, "../evil")],
    "links that add up": [member("a/x", LINK, "."), member("b", LINK, "a/x/../..")],
    "link through a link made later": [member("l/m", LINK, "../x"), member("l", LINK, "d")],
    "hard link out": [member("h", HARD, "../source/a.txt")],
    "absolute hard link": [member("h", HARD, "/etc/hostname")],
    "hard link to a link": [member("l", LINK, "../source"), member("h", HARD, "l/a.txt")],
    "hard link to nothing": [member("h", HARD, "none")],
    "device": [member("c", tarfile.CHRTYPE)],
    "block device": [member("c", tarfile.BLKTYPE)],
    "pipe": [member("p", tarfile.FIFOTYPE)],
    "long link, then through it": [member(LONG, tarfile.DIRTYPE), member("l", LINK, LONG + "/../" * 16), member("l/evil")],
    "empty name": [member("")],
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archives(fetch: Callable[..., str], source: pathlib.Path, tmp_path: pathlib.Path, name: str) -> None:
    archive_of(source / "h.tar.gz", [member("fine.txt"), *HOSTILE[name]])
    before = sorted(p for p in tmp_path.rglob("*") if "cache" not in p.parts)
    with pytest.raises(ValueError, match=r"lead|isn't in it|two members|unfolds"):
        fetch("h.tar.gz", "h.tar.gz", extract=True)
    assert sorted(p for p in tmp_path.rglob("*") if "cache" not in p.parts) == before
    assert cached(tmp_path) == ["h.tar.gz"]
    assert not pathlib.Path("/tmp/evil").exists()


def test_links_that_stay_inside(fetch: Callable[..., str], source: pathlib.Path, tmp_path: pathlib.Path) -> None:
    executable, data = member("run.sh")
    executable.mode = 0o4777
    rows = [
        member("d/a"),
        member("d/l", LINK, "../b/c"),
        member("b/c"),
        member("h", HARD, "d/a"),
        member("m", LINK, "d/l"),
    ]
    archive_of(source / "l.tar.gz", [*rows, (executable, data)])
    fetch("l.tar.gz", "l", untar=True)
    folder = tmp_path / "cache" / "datasets" / "l"
    assert {p: (folder / p).read_bytes() for p in ("d/a", "d/l", "b/c", "h", "m")} == dict.fromkeys(
        ("d/a", "d/l", "b/c", "h", "m"), TEXT
    )
    mode = (folder / "run.sh").stat().st_mode
    assert mode & stat.S_IXUSR
    assert not mode & stat.S_ISUID


def test_hostile_zip_files(fetch: Callable[..., str], source: pathlib.Path, tmp_path: pathlib.Path) -> None:
    for name in ("../evil", "/evil", "a/../../evil", "..\\evil"):
        with zipfile.ZipFile(source / "h.zip", "w") as archive:
            archive.writestr("fine.txt", TEXT)
            archive.writestr(name, TEXT)
        with pytest.raises(ValueError, match="leads out"):
            fetch("h.zip", "h.zip", extract=True, force_download=True)
        assert cached(tmp_path) == ["h.zip"]


def test_bombs(fetch: Callable[..., str], source: pathlib.Path, tmp_path: pathlib.Path) -> None:
    pax, _ = member("x", tarfile.XHDTYPE)
    pax.size = 2**33
    huge, _ = member("x")
    huge.size = 2**40
    for info, message in ((pax, "header of 8,589,934,592 bytes"), (huge, "unfolds to far more")):
        (source / "b.tar").write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
        with pytest.raises(ValueError, match=message):
            fetch("b.tar", "b.tar", extract=True, force_download=True)
        assert cached(tmp_path) == ["b.tar"]
    with zipfile.ZipFile(source / "b.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x", TEXT)
    data = (source / "b.zip").read_bytes()
    for size in (2**31, 100, 3):
        changed = data.replace(len(TEXT).to_bytes(4, "little"), size.to_bytes(4, "little"))
        (source / "b.zip").write_bytes(changed)
        with pytest.raises(ValueError, match=r"unfolds to far more|damaged|where it claims"):
            fetch("b.zip", "b.zip", extract=True, force_download=True)


@pytest.mark.parametrize("name", ["t.tar.gz", "z.zip"])
def test_archives_that_are_cut_off(
    fetch: Callable[..., str], source: pathlib.Path, tmp_path: pathlib.Path, name: str
) -> None:
    data = (source / name).read_bytes()
    for end in range(1, len(data), 7):
        (source / name).write_bytes(data[:end])
        try:
            fetch(name, "x.y", extract=True, force_download=True)
        except ValueError as error:
            assert "damaged" in str(error) or "cut off" in str(error)  # noqa: PT017 - most bytes make an error, not all
        text = tmp_path / "cache" / "datasets" / "x_extracted" / "d" / "a.txt"
        assert not text.exists() or text.read_bytes() == TEXT


def test_unknown_formats(fetch: Callable[..., str]) -> None:
    with pytest.raises(ValueError, match="archive_format is made of tar, zip, received 'rar'"):
        fetch("a.txt", "a.txt", extract=True, archive_format="rar")

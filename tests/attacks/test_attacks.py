"""Every hostile file is refused, by an error that says why; nothing outside is touched, and memory stays where it was."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys
from typing import Any

import pytest

from tests.attacks.files import ATTACKS
from triceras.backends import registry

RUN, FUZZ = (pathlib.Path(__file__).parent / name for name in ("run.py", "fuzz.py"))
#: How much memory a refusal may take, in MB: the 64 MiB that any file may unfold to, on their way from the file to a device.
MEMORY = 256


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Where the files are."""
    made = tmp_path_factory.mktemp("attacks")
    _run(str(made))
    return made


@pytest.fixture(scope="module", params=[name for name in registry.available_backends() if name != "numpy"])
def results(request: pytest.FixtureRequest, folder: pathlib.Path) -> dict[str, Any]:
    """What became of each file, on one backend."""
    return json.loads(_run(str(folder), request.param).splitlines()[-1])


def _run(*arguments: str) -> str:
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-W", "ignore", str(RUN), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize("name", ATTACKS)
def test_refused(name: str, results: dict[str, Any]) -> None:
    found = results[name]
    assert found["kind"] != "loaded", f"{ATTACKS[name].about}: it was loaded"
    assert "ValueError" in found["kind"].split(",") or "TypeError" in found["kind"].split(","), found
    assert re.search(ATTACKS[name].message, found["error"]), found["error"]
    assert found["events"] == []
    assert not found["outside"]
    assert found["megabytes"] < MEMORY


def test_the_advisories_are_covered() -> None:
    known = """CVE-2024-3660 CVE-2025-1550 CVE-2025-8747 CVE-2025-9905 CVE-2025-9906 CVE-2025-12058 CVE-2025-12060
        CVE-2025-12638 CVE-2025-49655
        CVE-2026-0897 CVE-2026-1462 CVE-2026-1669 CVE-2026-12479 GHSA-hqp4-2352-xf5r""".split()
    about = " ".join(attack.about for attack in ATTACKS.values())
    assert [number for number in known if number not in about] == []


CASES = 3000


@pytest.mark.slow
@pytest.mark.parametrize("backend", registry.available_backends())
def test_random_damage(backend: str, tmp_path: pathlib.Path) -> None:
    """Each damaged file is loaded, or refused by a ValueError; none crashes, hangs or takes memory."""
    cases, first = (CASES, 0) if backend == "numpy" else (CASES // 10, CASES)
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "JAX_PLATFORMS": "cpu", "TRICERAS_BACKEND": backend}
    command = [sys.executable, "-W", "ignore", str(FUZZ), str(tmp_path), "--first", str(first), "--cases", str(cases)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"case {(tmp_path / 'now').read_text()}: {done.stderr[-3000:]}"
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["faults"] == []
    assert sum(found["outcomes"].values()) == cases
    assert found["outcomes"]["loaded"] > cases / 20
    assert found["megabytes"] < MEMORY

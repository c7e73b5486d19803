"""The code in the guides runs: the blocks of a page, one after another, in one program."""

from __future__ import annotations

import pathlib
import re

import pytest

from tests.alone import run_alone

ROOT = pathlib.Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "guides"
GUIDES = sorted(path.name for path in FOLDER.glob("*.md"))


def program(page: str) -> str:
    """The lines of a page's Python blocks, each where it stands there, so that an error names the page's line."""
    lines, inside = [], False
    for line in page.splitlines():
        fence = line.strip().startswith("```")
        lines.append(line if inside and not fence else "")
        inside = line.strip() == "```python" if fence else inside
    return "\n".join(lines)


def test_a_program_keeps_the_lines_of_its_page() -> None:
    page = "# A page\n\n```python\nx = 1\n```\n\n```\nnot this\n```\n\n```python\nassert x == 1\n```\n"
    assert program(page) == "\n\n\nx = 1\n\n\n\n\n\n\n\nassert x == 1\n"


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in GUIDES if name != "README.md"])
def test_the_code_of_a_guide_runs(name: str, tmp_path: pathlib.Path) -> None:
    path = tmp_path / name.replace(".md", ".py")
    path.write_text(program((FOLDER / name).read_text()))
    run_alone(str(path))


@pytest.mark.parametrize("name", GUIDES)
def test_links_lead_somewhere(name: str) -> None:
    page = (FOLDER / name).read_text()
    links = [link for link in re.findall(r"\]\(([^)]+)\)", page) if not link.startswith("http")]
    assert [link for link in links if not (FOLDER / link.partition("#")[0]).exists()] == []


def test_each_example_is_in_the_index() -> None:
    index = (FOLDER / "README.md").read_text()
    examples = [path.name for path in (ROOT / "examples").glob("*.py") if path.name != "digits.py"]
    assert [name for name in examples if name not in index] == []

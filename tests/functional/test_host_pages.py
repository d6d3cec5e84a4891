"""What the pages of the hosts show works as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.settings import clear_environment

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "hosts").glob("*.md"))
EXAMPLES = sorted((ROOT / "examples").glob("*_stills.py"))


def python_of(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_a_page_shows_its_example_as_it_is(example: Path):
    page = ROOT / "docs" / "hosts" / f"{example.stem.removesuffix('_stills')}.md"
    assert python_of(page) == [example.read_text()]


@pytest.mark.parametrize("host", ["agora", "picamera2"])
def test_code_for_hosts_that_are_known_by_shape_runs(host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    clear_environment(monkeypatch, home=tmp_path)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    (code,) = python_of(ROOT / "docs" / "hosts" / f"{host}.md")
    exec(code, names)
    names["agent"].stop()


def test_every_page_is_in_the_list():
    listed = re.findall(r"\]\((\w+)\.md\)", (ROOT / "docs" / "hosts" / "README.md").read_text())
    assert sorted(listed) == sorted(page.stem for page in PAGES if page.stem != "README")

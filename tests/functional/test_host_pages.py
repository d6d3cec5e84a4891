"""Each host has its page, and the page its example; test_documents.py runs what is no example."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs" / "hosts").glob("*.md"))
EXAMPLES = sorted((ROOT / "examples").glob("*_stills.py"))


def python_of(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_a_page_shows_its_example_as_it_is(example: Path):
    page = ROOT / "docs" / "hosts" / f"{example.stem.removesuffix('_stills')}.md"
    assert python_of(page) == [example.read_text()]


def test_every_page_is_in_the_list():
    listed = re.findall(r"\]\((\w+)\.md\)", (ROOT / "docs" / "hosts" / "README.md").read_text())
    assert sorted(listed) == sorted(page.stem for page in PAGES if page.stem != "README")

"""The threat model promises nothing that no test shows."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
SECTIONS = [section for section in PAGE.split("\n## ")[1:] if "\n| " in section]


def rows(text: str) -> list[str]:
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [line for line in lines if not line.startswith(("| can and cannot |", "| --- |"))]


def defined_in(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def missing(text: str) -> list[str]:
    """Every test that is named and is not there."""
    named = NAMED.findall(text)
    return [
        f"{file}::{name}"
        for file, name in named
        if not name.startswith("test_") or not (ROOT / file).is_file() or name not in defined_in(file)
    ]


def test_every_attacker_of_the_design_has_a_section() -> None:
    titles = " ".join(section.splitlines()[0] for section in SECTIONS)
    for word in ("cname and uid", "frames", "callback server", "store", "Another user", "logs, metrics"):
        assert word in titles


@pytest.mark.parametrize("section", SECTIONS, ids=[section.splitlines()[0] for section in SECTIONS])
def test_every_line_says_can_or_cannot_and_names_a_test(section: str) -> None:
    found = rows(section)
    assert len(found) >= 4
    for row in found:
        what, by = row.strip("| ").rsplit(" | ", 1)
        assert what.startswith(("can ", "cannot ")), row
        assert NAMED.search(by), row
        assert not NAMED.sub("", by).strip(", "), row


def test_every_named_test_exists() -> None:
    assert missing(PAGE) == []


def test_a_test_that_is_not_there_is_found_out() -> None:
    here = "tests/functional/test_threat_model.py"
    assert missing(f"`{here}::test_every_named_test_exists`") == []
    assert missing(f"`{here}::test_nothing_of_the_kind`, `tests/none.py::test_x`, `{here}::missing`") == [
        f"{here}::test_nothing_of_the_kind",
        "tests/none.py::test_x",
        f"{here}::missing",
    ]

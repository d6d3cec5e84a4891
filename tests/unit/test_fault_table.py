"""The table of docs/faults.md: a run of some faults never costs the rows of the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.fault_table import FaultTable

_PAGE = "# Page\n\n<!-- fault table: written by make faults -->\n\n<!-- end of the fault table -->\n\nEnd.\n"


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "faults.md"
    path.write_text(_PAGE)
    return path


def write(page: Path, happened: str, *faults: str) -> None:
    table = FaultTable()
    for fault in faults:
        table.add(fault, how="by hand", times=1000, happened=happened, held="all")
    table.write_into(page)


def rows(page: Path) -> list[tuple[str, str]]:
    """Fault, and what happened, of each row below the head."""
    lines = [line for line in page.read_text().splitlines() if line.startswith("| ")]
    cells = [line.removeprefix("| ").removesuffix(" |").split(" | ") for line in lines[2:]]
    return [(cell[0], cell[3]) for cell in cells]


def test_a_run_of_some_faults_replaces_their_rows_where_they_stand_and_keeps_the_others(page: Path) -> None:
    write(page, "first", "kill", "clock", "fork")
    write(page, "again", "clock")
    assert rows(page) == [("kill", "first"), ("clock", "again"), ("fork", "first")]


def test_rows_of_faults_that_the_page_did_not_know_come_last(page: Path) -> None:
    write(page, "first", "kill")
    write(page, "again", "disk", "fork")
    assert rows(page) == [("kill", "first"), ("disk", "again"), ("fork", "again")]


def test_a_run_of_all_faults_gives_the_order(page: Path) -> None:
    write(page, "first", "clock")
    write(page, "again", "kill", "clock")
    assert rows(page) == [("kill", "again"), ("clock", "again")]


def test_a_bar_in_a_cell_survives_being_read_and_written_again(page: Path) -> None:
    write(page, "one | two", "a | b", "kill")
    before = page.read_text()
    write(page, "one | two", "kill")
    assert page.read_text() == before
    write(page, "one | two", "a | b")
    assert page.read_text() == before


def test_what_stands_around_the_table_is_left_as_it_is(page: Path) -> None:
    write(page, "first", "kill")
    text = page.read_text()
    assert text.startswith("# Page\n")
    assert text.endswith("\n\n<!-- end of the fault table -->\n\nEnd.\n")


def test_a_page_without_a_place_for_the_table_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    page = tmp_path / "other.md"
    page.write_text("# Other\n")
    with pytest.raises(AssertionError, match="has no"):
        write(page, "first", "kill")
    assert page.read_text() == "# Other\n"


def test_two_faults_of_one_name_are_refused() -> None:
    table = FaultTable()
    table.add("kill", how="by hand", times=1, happened="one", held="all")
    with pytest.raises(AssertionError, match="two rows by the name of kill"):
        table.add("kill", how="by hand", times=1, happened="two", held="all")

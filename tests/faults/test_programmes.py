"""The long programmes in a form of seconds: they run, and what they hold themselves to holds."""

from __future__ import annotations

import pytest

from faults import boot, callbacks, outage, soak


def test_an_outage_in_simulated_time(capsys: pytest.CaptureFixture[str]) -> None:
    outage.main(["--hours", "0.05", "--after", "20"])
    assert capsys.readouterr().out.count("drained") == 2


def test_a_callback_server_that_misbehaves(capsys: pytest.CaptureFixture[str]) -> None:
    callbacks.main(["--dead", "2", "--phase", "1.5", "--rate", "20"])
    assert "healed" in capsys.readouterr().out


def test_a_soak_with_faults(capsys: pytest.CaptureFixture[str]) -> None:
    soak.main(["--minutes", "0.07", "--rate", "50"])
    assert "bucket == spooled == announced" in capsys.readouterr().out


def test_a_boot_with_many_files(capsys: pytest.CaptureFixture[str]) -> None:
    boot.main(["--files", "500", "--corrupt", "5", "--seconds", "0.5", "--starts", "2", "--within", "inf"])
    assert capsys.readouterr().out.count("first live still stored") == 2

"""Who may have touched a secret's file, and where systemd's credentials come in."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from stillcast.config import AgentConfig, secret_files
from stillcast.config.secret_files import read_secret, require_private
from support.canaries import CANARY, WEBHOOK_SECRET
from support.settings import clear_environment, only_problem_of, problems_of, write_secret

KEYS = {"access_key": "AKIA1"}
EXISTING = "stillcast.storage.access_key, stillcast.storage.secret_key, stillcast.storage.session_token"


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clear_environment(monkeypatch, home=tmp_path)


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    directory = tmp_path / "credentials"
    directory.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(directory))
    return directory


def storage_of(path: Path | str) -> dict[str, dict[str, object]]:
    return {"storage": {**KEYS, "secret_key_file": str(path)}}


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o640, 0o440])
def test_a_file_of_its_owner_alone_or_read_by_its_group_is_taken(tmp_path: Path, mode: int) -> None:
    config = AgentConfig.load(**storage_of(write_secret(tmp_path / "secret", CANARY, mode)))
    assert config.storage.secret_key == SecretStr(CANARY)


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602, 0o601, 0o666, 0o777, 0o647])
def test_a_file_that_lets_everyone_in_is_refused_with_its_mode_and_the_way_out(tmp_path: Path, mode: int) -> None:
    path = write_secret(tmp_path / "secret", CANARY, mode)
    problem = only_problem_of(**storage_of(path))
    assert problem.startswith("storage.secret_key_file: ")
    assert f"has mode {mode:04o}, which lets every user of this machine in: run chmod 600 {path}" in problem
    assert CANARY not in problem
    path.chmod(0o600)
    assert AgentConfig.load(**storage_of(path)).storage.secret_key == SecretStr(CANARY)


@pytest.mark.parametrize("mode", [0o620, 0o660, 0o630])
def test_a_file_that_its_group_may_change_is_refused(tmp_path: Path, mode: int) -> None:
    path = write_secret(tmp_path / "secret", CANARY, mode)
    expected = f"has mode {mode:04o}, which lets its group change it: run chmod 600 {path}"
    assert expected in only_problem_of(**storage_of(path))


def test_a_path_in_the_way_out_is_quoted_for_the_shell_and_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "a b;\x1b[2J").mkdir()
    path = write_secret(tmp_path / "a b;\x1b[2J" / "secret", CANARY, 0o644)
    problem = only_problem_of(**storage_of(path))
    assert "run chmod 600 '" in problem
    assert problem.isprintable()


@pytest.mark.parametrize(
    ("mode", "owner", "expected"),
    [
        (0o100600, os.geteuid() + 1, "has mode 0600 and belongs to user"),
        (0o100400, 65534, "belongs to user 65534, who can read and change it: give it to the user"),
        (0o100600, os.geteuid(), None),
        (0o100440, 0, None),
        (0o010600, os.geteuid(), "is no regular file"),
        (0o020600, 0, "is no regular file"),
    ],
)
def test_only_this_user_and_root_may_own_a_secrets_file(mode: int, owner: int, expected: str | None) -> None:
    if expected is None:
        require_private(mode, owner, Path("x"))
        return
    with pytest.raises(ValueError, match=expected):
        require_private(mode, owner, Path("x"))


def test_a_file_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_secret(tmp_path / "secret", CANARY)
    owner = path.stat().st_uid
    monkeypatch.setattr(secret_files.os, "geteuid", lambda: owner + 1)
    monkeypatch.setattr(secret_files, "_ROOT", -1)
    assert f"belongs to user {owner}, who can read and change it" in only_problem_of(**storage_of(path))


def test_a_link_is_judged_by_the_file_that_it_leads_to(tmp_path: Path) -> None:
    # As Kubernetes mounts a secret: file -> ..data/file, ..data -> a directory of that version.
    version = tmp_path / "..2026_11_22"
    version.mkdir()
    target = write_secret(version / "secret", CANARY, 0o644)
    (tmp_path / "..data").symlink_to(version.name)
    (tmp_path / "secret").symlink_to("..data/secret")
    assert "has mode 0644" in only_problem_of(**storage_of(tmp_path / "secret"))
    target.chmod(0o440)
    assert AgentConfig.load(**storage_of(tmp_path / "secret")).storage.secret_key == SecretStr(CANARY)


def test_a_pipe_in_the_place_of_a_file_does_not_hold_up_the_start(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(ValueError, match="is no regular file: write the secret into one"):
        read_secret(tmp_path / "pipe")


def test_the_file_is_judged_after_it_was_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "loose").mkdir()
    good = write_secret(tmp_path / "good", "innocent")
    loose = write_secret(tmp_path / "loose" / "secret", CANARY, 0o644)
    opened = os.open

    def open_another(path: Path, flags: int) -> int:  # who can swap the file does so between looking and opening
        return opened(loose if path == good else path, flags)

    monkeypatch.setattr("stillcast.config.secret_files.os.open", open_another)
    with pytest.raises(ValueError, match="has mode 0644"):
        read_secret(good)


def test_the_receiver_refuses_a_loose_secret_file_too(tmp_path: Path) -> None:
    path = write_secret(tmp_path / "secret", WEBHOOK_SECRET, 0o644)
    command = [sys.executable, "-m", "stillcast.cli", "receive", "--port", "0", "--seconds", "0.1", "--secret-file"]
    done = subprocess.run([*command, str(path)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "--secret-file: " in done.stderr
    assert "has mode 0644" in done.stderr
    assert WEBHOOK_SECRET not in done.stderr


def test_credentials_of_systemd_are_found_by_their_names(credentials: Path) -> None:
    for name, content in {
        "stillcast.storage.access_key": "AKIA1\n",
        "stillcast.storage.secret_key": CANARY,
        "stillcast.storage.session_token": "of the session",
        "stillcast.callback.secret": WEBHOOK_SECRET,
        "other.service": "not ours",
    }.items():
        write_secret(credentials / name, content, 0o440)
    config = AgentConfig.load()
    assert config.storage.credentials() == ("AKIA1", CANARY)
    assert config.storage.session_token == SecretStr("of the session")
    assert config.callback.secret == SecretStr(WEBHOOK_SECRET)


def test_a_credential_with_an_unknown_name_is_a_problem_with_the_names_that_exist(credentials: Path) -> None:
    write_secret(credentials / "stillcast.storage.secretkey", CANARY)
    problem = only_problem_of()
    assert problem.startswith('$CREDENTIALS_DIRECTORY: "stillcast.storage.secretkey": is not a credential')
    assert EXISTING in problem
    assert CANARY not in problem


def test_a_loose_credential_is_refused_by_its_path(credentials: Path) -> None:
    write_secret(credentials / "stillcast.callback.secret", CANARY, 0o644)
    assert only_problem_of().startswith("callback.secret_file: ")


def test_a_missing_directory_of_credentials_is_that_of_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/nonexistent")
    assert AgentConfig.load().storage.credentials() is None


@pytest.mark.parametrize("variable", ["$CREDENTIALS_DIRECTORY", "${CREDENTIALS_DIRECTORY}"])
def test_a_path_may_begin_with_the_directory_of_credentials(credentials: Path, variable: str) -> None:
    write_secret(credentials / "secret", CANARY)
    (credentials / "ca.pem").write_text("of a CA")
    config = AgentConfig.load(
        storage={**KEYS, "secret_key_file": f"{variable}/secret", "ca_file": f"{variable}/ca.pem"}
    )
    assert config.storage.secret_key == SecretStr(CANARY)
    assert config.storage.ca_file == credentials / "ca.pem"


def test_other_variables_in_a_path_stand_for_themselves(credentials: Path) -> None:
    for path in ("$HOME/mine", "$CREDENTIALS_DIRECTORY_2/mine", "x/$CREDENTIALS_DIRECTORY/mine"):
        assert "cannot be read (No such file or directory)" in only_problem_of(**storage_of(path))


def test_a_path_below_credentials_that_are_not_there_says_how_they_come(tmp_path: Path) -> None:
    problem = problems_of(**storage_of("$CREDENTIALS_DIRECTORY/mine"))[0]
    assert "has $CREDENTIALS_DIRECTORY, which is not set: start it by systemd with LoadCredential=" in problem


LAYERS = ("credentials", "toml", "environment", "overrides")
FORMS = ("secret_key", "secret_key_file")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("below", "above"), [*itertools.combinations(LAYERS, 2)])
def test_the_upper_layers_form_of_a_secret_wins(
    below: str, above: str, form: str, credentials: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STILLCAST_STORAGE_ACCESS_KEY", "AKIA1")
    overrides: dict[str, object] = {}
    toml = ""
    for layer, name, value in (
        (below, FORMS[1 - FORMS.index(form)], "lower"),
        (above, form, "upper"),
    ):
        file = write_secret(credentials / value, value)
        given = str(file) if name.endswith("_file") else value
        if layer == "credentials":
            write_secret(credentials / "stillcast.storage.secret_key", value)
        elif layer == "toml":
            toml = f'[storage]\n{name} = "{given}"\n'
        elif layer == "environment":
            monkeypatch.setenv(f"STILLCAST_STORAGE_{name.upper()}", given)
        else:
            overrides = {name: given}
    path = credentials / "stillcast.toml"
    path.write_text(toml)
    path.rename(credentials.parent / "stillcast.toml")
    config = AgentConfig.load(credentials.parent / "stillcast.toml", storage=overrides)
    assert config.storage.secret_key == SecretStr("upper")


def test_both_forms_in_one_layer_stay_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STILLCAST_CALLBACK_SECRET", WEBHOOK_SECRET)
    monkeypatch.setenv("STILLCAST_CALLBACK_SECRET_FILE", "/x")
    assert only_problem_of().startswith("callback.secret: <hidden>: stands beside callback.secret_file")


def test_an_override_of_none_takes_nothing_away_from_the_file_below(tmp_path: Path) -> None:
    toml = tmp_path / "stillcast.toml"
    toml.write_text(f'[storage]\nsecret_key_file = "{write_secret(tmp_path / "secret", CANARY)}"\n')
    config = AgentConfig.load(toml, storage={**KEYS, "secret_key": None})
    assert config.storage.secret_key == SecretStr(CANARY)

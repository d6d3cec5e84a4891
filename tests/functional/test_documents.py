"""Every fenced block of README and of the site is run or checked here, by its language; one that is not known fails."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

import stillcast
from stillcast.config.secret_files import CREDENTIALS
from support.cli import environment
from support.clips import clip
from support.documents import ROOT, Block, blocks, blocks_of, commands, pages, refuse_unknown
from support.settings import clear_environment, write_secret
from support.streams import free_port

EXAMPLES = {path.read_text(): path.stem for path in sorted((ROOT / "examples").glob("*.py"))}
START = Path("docs/start.md")


@pytest.fixture(autouse=True)
def settings_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty home, and in it ``stillcast.toml`` with a directory for a store, as the code of the pages has it."""
    clear_environment(monkeypatch, home=tmp_path)
    monkeypatch.chdir(tmp_path)
    Path("stillcast.toml").write_text(f'[storage]\nurl = "{(tmp_path / "stills").as_uri()}"\n')


def python(block: Block) -> None:
    if block.text in EXAMPLES:  # needs a host, and has a test of its own
        tests = (ROOT / "tests" / "integration").glob("test_*.py")
        assert any(EXAMPLES[block.text] in test.read_text() for test in tests)
        return
    names: dict[str, object] = {"host": [np.full((90, 160, 3), level, np.uint8) for level in range(50)]}
    exec(compile(block.text, str(block), "exec"), names)
    agent, still = names["agent"], names.get("still")
    assert isinstance(agent, stillcast.Agent)
    agent.stop()
    if still is not None:
        assert isinstance(still, stillcast.Still)
        assert [path.read_bytes() for path in Path.cwd().rglob(Path(still.object_key).name)] == [still.jpeg]


def toml(block: Block) -> None:
    secret = write_secret(Path.cwd() / "secret", "of the page")
    text = re.sub(r'^(\w+_file) = ".*?"', rf'\1 = "{secret}"', block.text, flags=re.MULTILINE)
    Path("page.toml").write_text(text)
    config = stillcast.AgentConfig.load("page.toml")
    for section, keys in tomllib.loads(text).items():
        assert section == "source" or getattr(config, section).model_fields_set == set(keys)


def shell(block: Block) -> None:
    for words in commands(block.text):
        refuse_unknown(block, words)


def unit(block: Block) -> None:
    """A systemd unit: the command that it starts, and the credentials by their names."""
    header, *lines = block.text.splitlines()
    assert header == "[Service]"
    given = [line.partition("=")[::2] for line in lines]
    assert {key.removesuffix("Encrypted") for key, _ in given} == {
        "ExecStart",
        "LoadCredential",
        "StateDirectory",
        "UMask",
    }
    for key, value in given:
        if key == "ExecStart":
            refuse_unknown(block, value.split())
        if key.startswith("LoadCredential"):
            assert value.partition(":")[0] in CREDENTIALS


def policy(block: Block) -> None:
    """The rights of a key: to put, and nothing else."""
    assert [part["Action"] for part in json.loads(block.text)["Statement"]] == ["s3:PutObject"]


def picture(block: Block) -> None:
    """Drawn with characters: the way of a frame, a tree of directories. Nothing to run."""
    assert block.page == Path("ARCHITECTURE.md")


def directives(block: Block) -> None:
    """Sphinx's own; that they can be resolved is what `make docs` checks."""
    for kind, name in re.findall(r"^\.\. (\w+):: (\S+)$", block.text, re.MULTILINE):
        if "module" in kind:
            assert importlib.util.find_spec(name), name
        else:
            assert kind.startswith("auto")


def contents(block: Block) -> None:
    """A table of contents: all its pages are there."""
    for line in block.text.splitlines():
        if line and not line.startswith(":"):
            name = re.sub(r".*<(.*)>", r"\1", line)
            assert (ROOT / block.page.parent / f"{name}.md").is_file(), name


def part(block: Block) -> None:
    """A part of another page, between two texts."""
    text = (ROOT / block.page.parent / block.language.split()[1]).read_text()
    bounds = dict(re.findall(r'^:(start-after|end-before): "(.*)"$', block.text, re.MULTILINE))
    assert text.index(bounds["start-after"]) < text.index(bounds["end-before"])
    assert all(text.count(bound) == 1 for bound in bounds.values())


def reference(block: Block) -> None:
    """Made when the site is built; test_settings_reference.py looks at what."""
    assert block.text == ""


CHECKS: dict[str, Callable[[Block], None]] = {
    "": picture,
    "ini": unit,
    "json": policy,
    "python": python,
    "sh": shell,
    "toml": toml,
    "{eval-rst}": directives,
    "{include}": part,
    "{settings}": reference,
    "{toctree}": contents,
}


@pytest.mark.parametrize("block", blocks(), ids=str)
def test_a_block_works_as_it_stands(block: Block) -> None:
    language = (block.language.split() or [""])[0]
    assert language in CHECKS, f"{block}: {language}: no language that the tests know"
    CHECKS[language](block)


@pytest.mark.parametrize(
    "line",
    [
        "rm stillcast.toml",
        "make nothing",
        "make test NOTHING=1",
        "stillcast chek",
        "stillcast check -c stillcast.toml --nothing",
        "stillcast spool nothing",
        "stillcast run lobby=film.mp4 --seconds five",
        'pip install "stillcast[nothing]"',
        'pip install "stillcast[gstreamer]" nothing',
        "apt-get install nothing",
        "python examples/nothing.py",
        "PYTHONPATH=tests .venv/bin/python -m nothing",
        ". .venv/bin/nothing",
    ],
)
def test_a_command_that_there_is_not_is_refused(line: str) -> None:
    (words,) = commands(line)
    with pytest.raises(AssertionError, match=re.escape(words[0] if words[0] == "rm" else "no")):
        refuse_unknown(Block(START, 1, "sh", line, ""), words)


def test_the_pages_that_are_looked_at_are_all_that_there_are() -> None:
    assert {path.relative_to(ROOT) for path in (ROOT / "docs").rglob("*.md")} | {Path("README.md")} <= set(pages())
    assert len(blocks("python", "sh", "toml")) > 20


def test_pages_that_are_read_elsewhere_have_nothing_of_sphinx() -> None:
    made = {block.page.stem for block in blocks() if block.language.startswith("{")}
    assert made == {"api", "configuration", "costs", "index"}


def test_every_page_is_in_the_contents_of_the_site() -> None:
    listed = [line for block in blocks("{toctree}") for line in block.text.splitlines() if line and line[0] != ":"]
    names = [re.sub(r".*<(.*)>", r"\1", line) for line in listed]
    assert sorted((ROOT / "docs" / f"{name}.md").resolve().relative_to(ROOT) for name in names) == sorted(
        set(pages()) - {Path("docs/index.md")}
    )


def test_the_api_page_has_every_public_name() -> None:
    text = (ROOT / "docs" / "api.md").read_text()
    shown = set(re.findall(r"^\.\. auto(?:class|exception|function):: (\w+)", text, re.MULTILINE))
    assert set(stillcast.__all__) - {"__version__"} <= shown
    hosts = {path.stem for path in (ROOT / "python" / "stillcast" / "hosts").glob("[!_]*.py")} - {"planes"}
    assert set(re.findall(r"automodule:: stillcast\.hosts\.(\w+)", text)) == hosts


def test_the_page_to_start_with_runs_in_its_order(tmp_path: Path) -> None:
    port = str(free_port())
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "clips").symlink_to(clip("bigbuckbunny").parent)
    script = ["set -e"]
    for block in blocks_of(START):
        text = block.text.replace("8080", port).replace("/tmp/", f"{tmp_path}/")
        if block.file:
            Path(block.file).write_text(text)
        else:
            script += text.splitlines()
    lines = "\n".join(script)
    for ours, tests in {
        "make demo\n. .venv/bin/activate": "",  # has been done for the tests
        "receive": f"receive --port {port}",
        "sleep 3": f"until (: </dev/tcp/127.0.0.1/{port}) 2>/dev/null; do sleep 0.1; done",  # however busy the machine
    }.items():
        assert lines.count(ours) == 1
        lines = lines.replace(ours, tests)
    run_shell(lines)
    told = Path("out").read_text()
    embedded = list((tmp_path / ".local" / "share" / "stillcast" / "stills").rglob("*.jpg"))
    captured = list((tmp_path / "stillcast-stills" / "test").rglob("*_lobby__uid_s_91_*.jpg"))
    assert len(embedded) >= 2
    assert len(captured) >= 4
    assert [path for path in embedded + captured if path.stem not in told] == []


def run_shell(lines: str) -> None:
    """Run lines with the programs of this environment; what they left in the background is ended."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with Path("out").open("w") as out:
        running = subprocess.Popen(
            ["bash", "-c", f"{lines}\nkill %1; wait"],
            env=environment({"PATH": programs, "HOME": str(Path.cwd())}),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            assert running.wait(100) == 0, Path("out").read_text()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)

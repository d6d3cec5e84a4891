"""The pages of the site, the fenced blocks in them, and whether a command that they show is one that there is."""

from __future__ import annotations

import ast
import importlib.util
import re
import shlex
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from packaging.requirements import Requirement

from stillcast.cli.app import app

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"Save this as `([\w.]+)`:\s*\Z")
_PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
_MAKEFILE = (ROOT / "Makefile").read_text()
# gcc comes with g++, which is on the list.
_PACKAGES = {"gcc", *re.findall(r"[\w.+-]+", (ROOT / "tools" / "system-packages").read_text())}


@dataclass(frozen=True, slots=True)
class Block:
    """What stands between two fences.

    Attributes:
        page: below the root of the repository.
        line: of its first fence.
        language: what stands behind it.
        text: its lines.
        file: the name that the page tells to save it by, or "".
    """

    page: Path
    line: int
    language: str
    text: str
    file: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """Find the pages of the site, by its own settings."""
    conf = ast.parse((ROOT / "docs" / "conf.py").read_text())
    (patterns,) = (
        ast.literal_eval(each.value)
        for each in conf.body
        if isinstance(each, ast.Assign) and ast.unparse(each.targets) == "include_patterns"
    )
    return sorted(page.relative_to(ROOT) for pattern in patterns for page in ROOT.glob(pattern))


def blocks(*languages: str) -> list[Block]:
    """Find the blocks of all pages, or those in some languages."""
    found = [block for page in pages() for block in blocks_of(page)]
    return [block for block in found if block.language in languages] if languages else found


def blocks_of(page: Path) -> Iterator[Block]:
    """Find the blocks of a page."""
    text = (ROOT / page).read_text()
    found = list(_FENCE.finditer(text))
    assert 2 * len(found) == len(re.findall(r"^\s*```", text, re.MULTILINE)), f"{page}: a fence that is not understood"
    for match in found:
        before = text[: match.start()]
        told = _FILE.search(before)
        yield Block(page, before.count("\n") + 1, match[1].strip(), match[2], told[1] if told else "")


def commands(text: str) -> Iterator[list[str]]:
    """Split lines of a shell into commands, without comments, variables before them, `>` and `&` behind them."""
    for line in text.replace("\\\n", " ").splitlines():
        words = [word for word in shlex.split(line, comments=True) if not re.match(r"\d?>", word)]
        while words and re.fullmatch(r"\w+=.*", words[0]):
            words.pop(0)
        if words:
            yield words[: -1 if words[-1] == "&" else None]


def refuse_unknown(block: Block, words: list[str]) -> None:
    """Fail for a command that there is not, or that does not take what it is given."""
    name, *arguments = words
    known = _COMMANDS.get(name.rpartition("/")[2] if name.startswith((".venv/bin/", "/opt/")) else name)
    assert known is not None, f"{block}: {name}: no command that the tests know"
    known(block, arguments)


def _stillcast(block: Block, arguments: list[str]) -> None:
    command: Any = typer.main.get_command(app)
    names = []
    while hasattr(command, "commands"):
        name, *arguments = arguments
        assert name in command.commands, f"{block}: {name}: no command of stillcast"
        names.append(name)
        command = command.commands[name]
    try:
        command.make_context(" ".join(names), arguments)
    except Exception as error:  # typer's own UsageError has no public name
        raise AssertionError(f"{block}: stillcast {' '.join(names)}: not so: {error}") from error


def _make(block: Block, arguments: list[str]) -> None:
    for argument in arguments:
        name, is_variable, _ = argument.partition("=")
        pattern = rf"\$\({name}\)" if is_variable else rf"^{name}:.*##"
        assert re.search(pattern, _MAKEFILE, re.MULTILINE), f"{block}: make {argument}: not in the Makefile"


def _pip(block: Block, arguments: list[str]) -> None:
    action, *requirements = (each for each in arguments if each != "--editable")
    # This project itself is `.` or its name.
    ours, *others = (Requirement(re.sub(r"^\.", "stillcast", each)) for each in requirements)
    extras = _PROJECT["optional-dependencies"]
    assert (action, ours.name) == ("install", "stillcast")
    assert ours.extras <= extras.keys(), f"{block}: an extra that there is not"
    needed = {Requirement(each).name for extra in ours.extras for each in extras[extra]}
    assert {other.name for other in others} <= needed, f"{block}: no part of the extra"


def _python(block: Block, arguments: list[str]) -> None:
    if arguments[0] == "-m":
        found = importlib.util.find_spec(arguments[1])
        assert found is not None, f"{block}: no module {arguments[1]}"
        return
    told = {each.file for each in blocks_of(block.page)}
    assert arguments[0] in told or (ROOT / arguments[0]).is_file(), f"{block}: no file {arguments[0]}"


def _apt_get(block: Block, arguments: list[str]) -> None:
    assert arguments[0] == "install"
    unknown = set(arguments[1:]) - _PACKAGES
    assert not unknown, f"{block}: not in tools/system-packages: {unknown}"


def _activate(block: Block, arguments: list[str]) -> None:
    assert arguments == [".venv/bin/activate"], f"{block}: another file than the one that `make` writes"


def _sleep(_block: Block, arguments: list[str]) -> None:
    (seconds,) = arguments
    assert float(seconds) > 0


def _tool(block: Block, arguments: list[str]) -> None:
    assert not arguments, f"{block}: its tools take nothing"


def _server(block: Block, arguments: list[str]) -> None:
    # Those that it was seen to take when the page was tried by hand.
    assert set(arguments[::2]) <= {"--keys", "--bind", "--node-ip"}, f"{block}: not an option of the server"


def _export(block: Block, arguments: list[str]) -> None:
    assert all("=" in each for each in arguments), f"{block}: export of no value"


_COMMANDS: dict[str, Callable[[Block, list[str]], None]] = {
    ".": _activate,
    "apt-get": _apt_get,
    "build/livekit-server": _server,
    "export": _export,
    "make": _make,
    "pip": _pip,
    "python": _python,
    "sleep": _sleep,
    "stillcast": _stillcast,
    "tools/livekit-server": _tool,
}

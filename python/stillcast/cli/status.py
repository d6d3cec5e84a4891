"""Exit status and messages: how a command ends."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer

from stillcast.errors import ConfigError, StillcastError
from stillcast.naming import ObjectKeyError

FAILED = 1
WRONG_USAGE = 2


def say(text: str) -> None:
    """Write a message to stderr, each of its lines marked as ours."""
    for line in text.splitlines() or [""]:
        print(f"stillcast: {plain(line)}", file=sys.stderr, flush=True)  # noqa: T201


def plain(line: str) -> str:
    """Mask what would move the cursor or colour a terminal; names and server answers may hold it."""
    return "".join(character if character.isprintable() else "?" for character in line)


def fail(text: str, status: int = FAILED) -> NoReturn:
    """Write an error to stderr and end the command."""
    say("\n".join(f"error: {line}" for line in text.splitlines()))
    raise typer.Exit(status)


def log_to_stderr() -> None:
    """Have warnings of the library look like messages of the command."""
    handler = _Says()
    handler.setLevel(logging.WARNING)
    logging.getLogger("stillcast").addHandler(handler)


class _Says(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        say(self.format(record))


@contextmanager
def exit_status() -> Iterator[None]:
    """Turn what a command raises into its exit status: 2 for settings and usage, 1 for the rest; no tracebacks."""
    try:
        yield
    except (ConfigError, ObjectKeyError) as error:
        fail(str(error), WRONG_USAGE)
    except StillcastError as error:
        fail(str(error))
    except KeyboardInterrupt:
        fail("interrupted")
    except BrokenPipeError:
        # Whoever read our results has gone. Python would complain once more when it flushes stdout at the end.
        sys.stdout = None
        raise typer.Exit(FAILED) from None
    except ModuleNotFoundError as error:
        extra = {"av": "PyAV", "PIL": "Pillow"}.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        fail(f'{extra} is not installed: pip install "stillcast[video]"')

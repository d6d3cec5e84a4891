"""``stillcast receive``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import typer

from stillcast.cli.status import FAILED, plain, say
from stillcast.cli.stopping import stop_signals
from stillcast.config.secret_files import read_secret
from stillcast.errors import ConfigError
from stillcast.naming import format_utc
from stillcast.receiver import ReceivedStill, Receiver
from stillcast.redaction import shown


@dataclass(frozen=True, slots=True)
class ReceiveOptions:
    """What the command line said."""

    host: str
    port: int
    path: str
    url: str | None
    secret_file: Path | None
    seconds: float | None
    as_json: bool


def run_receiver(options: ReceiveOptions) -> None:
    """Take callbacks until stopped: one line on stdout for each good one, one on stderr for each refused one.

    Raises:
        ConfigError: the path or the file with the secret cannot be used.
        CallbackError: the address cannot be listened on.
        typer.Exit: with status 1 if a callback was refused.
    """
    if not options.path.startswith("/"):
        raise ConfigError(f"--path: {options.path}: has no slash at its start: write /{options.path}")
    receiver = Receiver(
        options.url,
        secret=_secret(options.secret_file),
        host=options.host,
        port=options.port,
        path=options.path,
        on_still=_print_json if options.as_json else _print_line,
    )
    told = 0
    with stop_signals() as stop, receiver:
        checks = "checksum and signature" if options.secret_file else "checksum"
        say(f"listening on {receiver.url}, verifying {checks}; callback.url must be {options.url or receiver.url}")

        def tell_problems() -> None:
            nonlocal told
            problems = receiver.problems
            for problem in problems[told:]:
                say(f"refused: {problem}")
            told = len(problems)

        stop.wait_until(lambda: False, limit_s=options.seconds, each_step=tell_problems)
    tell_problems()
    say(f"{len(receiver.received)} good, {receiver.duplicates} repeated, {told} refused")
    if told:
        raise typer.Exit(FAILED)


def _secret(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return read_secret(path).strip()
    except ValueError as error:
        raise ConfigError(f"--secret-file: {shown(path)}: {error}") from None


def _print_line(still: ReceivedStill) -> None:
    signed = ", signature" if still.signed else ""
    typer.echo(f"{still.code} {still.object_key}  {plain(still.msg)}  (checksum{signed} ok)")


def _print_json(still: ReceivedStill) -> None:
    fields = {
        "request_id": still.request_id,
        "object_key": still.object_key,
        "sid": still.sid,
        "cname": still.cname,
        "uid": still.uid,
        "timestamp": int(format_utc(still.captured_at)),
        "code": still.code,
        "msg": still.msg,
        "extra_info": still.extra_info,
        "still": dict(still.still) if still.still is not None else None,
        "signed": still.signed,
    }
    typer.echo(json.dumps(fields))

"""What commands there are and what they take. The commands themselves are imported when they run.

So ``stillcast --help`` is there at once, and a command needs only what it uses: no PyAV for ``receive``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stillcast.cli.status import exit_status, log_to_stderr

app = typer.Typer(
    name="stillcast",
    help="Stills from live video, delivered: small true JPEGs in S3, announced by a callback.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
spool_app = typer.Typer(help="What waits between capture and upload.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(spool_app, name="spool")

ConfigFile = Annotated[
    Path | None, typer.Option("--config", "-c", metavar="FILE", help="TOML file with the settings; see the README.")
]
Json = Annotated[bool, typer.Option("--json", help="Results as JSON on stdout.")]
JsonLines = Annotated[bool, typer.Option("--json", help="One JSON object a line on stdout.")]
Sids = Annotated[
    list[str] | None,
    typer.Argument(metavar="SID...", help="Ids of stills, as in their keys.", show_default=False),
]
States = Annotated[
    list[str] | None,
    typer.Option(metavar="STATE", help="ready, stored, deferred, dead or quarantine; may be given several times."),
]
SpoolPath = Annotated[Path | None, typer.Option(metavar="DIR", help="The spool itself, instead of a file's.")]
Seconds = Annotated[float | None, typer.Option("--seconds", min=0.1, metavar="N", help="Stop after so many seconds.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415

        typer.echo(f"stillcast {version('stillcast')}")
        raise typer.Exit


@app.callback()
def _stillcast(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    log_to_stderr()


@app.command()
def demo(
    video: Annotated[
        str | None, typer.Argument(help="A video file or URL; without it, test pictures.", show_default=False)
    ] = None,
    seconds: Annotated[float, typer.Option(min=1.0, metavar="N", help="How long it plays.")] = 10.0,
    interval: Annotated[
        float, typer.Option(min=0.05, max=86400.0, metavar="N", help="Seconds between two stills of a feed.")
    ] = 1.0,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", show_default=False, help="Where stills and contact sheet go."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Play a video as two live feeds and show the stills.

    It goes through the whole agent. Stills go to a directory, callbacks to a receiver on this machine. It ends with a
    table of the stills and a contact sheet: one picture of all of them.
    """
    with exit_status():
        from stillcast.cli.demo import DemoOptions, run_demo  # noqa: PLC0415

        run_demo(DemoOptions(video, seconds, interval, output, as_json))


@app.command()
def run(
    source: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCE...",
            help="URL or CNAME/UID=URL: a file, /dev/video0, rtmp://, rtsp://, srt://, https:// (HLS), lavfi:GRAPH.",
            show_default=False,
        ),
    ] = None,
    config: ConfigFile = None,
    cname: Annotated[
        str | None, typer.Option(metavar="NAME", help="Channel of the sources that do not name one; else from the URL.")
    ] = None,
    uid: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="User of the one source that does not name one; else its position."),
    ] = None,
    seconds: Seconds = None,
    metrics: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Serve /metrics and /healthz there; :PORT is for this machine alone."),
    ] = None,
    keyframes_only: Annotated[
        bool,
        typer.Option(
            "--keyframes-only",
            help="Decode key frames alone where they come as often as stills: a fraction of the CPU.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Capture from files, cameras and streams until stopped.

    It ends by itself when every source was a file and has ended. Sources may also stand in the file, as [[source]].
    Shows a table of the feeds, or each still as a line on stdout where that is no terminal; the end says what became of
    every tick.
    """
    with exit_status():
        from stillcast.cli.run import RunOptions, run_sources  # noqa: PLC0415

        run_sources(RunOptions(tuple(source or ()), config, cname, uid, seconds, metrics, as_json, keyframes_only))


@app.command()
def check(config: ConfigFile = None, as_json: Json = False) -> None:
    """Try the settings, the spool, the store and the callback.

    Writes one canary still to the store and announces it, with what the agent itself would use; says what is wrong and
    how to mend it, and warns where the disk is too small or the key may do more than put.
    """
    with exit_status():
        from stillcast.cli.check import run_check  # noqa: PLC0415

        run_check(config, as_json=as_json)


@app.command()
def receive(
    host: Annotated[str, typer.Option(metavar="NAME", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="N", help="Port to listen on; 0 takes a free one.")
    ] = 8080,
    path: Annotated[str, typer.Option(metavar="PATH", help="Path of the callback.")] = "/stills",
    url: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="The callback address as the sender has it (callback.url), if a proxy stands between."
        ),
    ] = None,
    secret_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="File with callback.secret: signatures are then required and verified."),
    ] = None,
    seconds: Seconds = None,
    as_json: Json = False,
) -> None:
    """Be a callback server that verifies what it gets.

    Checks every field, the checksum and the signature, and prints one line for each callback.
    """
    with exit_status():
        from stillcast.cli.receive import ReceiveOptions, run_receiver  # noqa: PLC0415

        run_receiver(ReceiveOptions(host, port, path, url, secret_file, seconds, as_json))


@spool_app.command("ls")
def spool_ls(
    config: ConfigFile = None,
    path: SpoolPath = None,
    as_json: JsonLines = False,
) -> None:
    """List what waits, oldest first, and why.

    Works beside a running agent.
    """
    with exit_status():
        from stillcast.cli.spool import list_spool  # noqa: PLC0415

        list_spool(config, path, as_json=as_json)


@spool_app.command("retry")
def spool_retry(
    sid: Sids = None,
    everything: Annotated[bool, typer.Option("--all", help="Every dead letter.")] = False,
    config: ConfigFile = None,
    wait: Annotated[
        float, typer.Option(min=1.0, metavar="N", help="Give up waiting when nothing moved for so many seconds.")
    ] = 60.0,
    as_json: JsonLines = False,
) -> None:
    """Deliver again what was given up.

    Puts dead letters back to where they came from. Beside a running agent they are its to deliver; without one they are
    delivered here. One line says what became of each; the exit status is 1 if some failed again or still wait.
    """
    with exit_status():
        from stillcast.cli.spool_retry import RetryOptions, retry  # noqa: PLC0415

        retry(RetryOptions(tuple(sid or ()), everything, config, wait, as_json))


@spool_app.command("export")
def spool_export(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where the copies go.", show_default=False)],
    sid: Sids = None,
    state: States = None,
    config: ConfigFile = None,
    path: SpoolPath = None,
    as_json: JsonLines = False,
) -> None:
    """Copy stills out of the spool, as JPEG and JSON.

    Each goes under its object key below DIR, with its facts in a .json beside it. The spool stays as it is, and a
    running agent is not disturbed. A different file that is there already is never replaced.
    """
    with exit_status():
        from stillcast.cli.spool_export import ExportOptions, export  # noqa: PLC0415

        export(ExportOptions(directory, tuple(sid or ()), tuple(state or ()), config, path, as_json))


@spool_app.command("purge")
def spool_purge(
    sid: Sids = None,
    state: States = None,
    older_than: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only stills captured that long ago, as 90m, 12h or 7d.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    config: ConfigFile = None,
    path: SpoolPath = None,
    as_json: Json = False,
) -> None:
    """Delete what was given up or cannot be read.

    What still waits to be delivered is deleted only where --state names it. Works beside a running agent.
    """
    with exit_status():
        from stillcast.cli.spool_purge import PurgeOptions, purge  # noqa: PLC0415

        purge(PurgeOptions(tuple(sid or ()), tuple(state or ()), older_than, yes, config, path, as_json))

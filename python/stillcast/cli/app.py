"""What commands there are and what they take. The commands themselves are imported when they run.

So ``stillcast --help`` is there at once, and a command needs only what it uses: no PyAV for ``receive``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stillcast.cli.status import exit_status

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
    pass


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
    as_json: Json = False,
) -> None:
    """Capture from files, cameras and streams until stopped.

    It ends by itself when every source was a file and has ended. Sources may also stand in the file, as [[source]].
    Each still is one line on stdout; the end says what became of every tick.
    """
    with exit_status():
        from stillcast.cli.run import RunOptions, run_sources  # noqa: PLC0415

        run_sources(RunOptions(tuple(source or ()), config, cname, uid, seconds, as_json))


@app.command()
def check(config: ConfigFile = None, as_json: Json = False) -> None:
    """Try the settings, the store and the callback.

    Validates the settings, writes one canary still to the store and announces it; says what is wrong and how to mend
    it.
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
    path: Annotated[Path | None, typer.Option(metavar="DIR", help="The spool itself, instead of a file's.")] = None,
    as_json: Json = False,
) -> None:
    """List what waits, oldest first, and why.

    Works beside a running agent.
    """
    with exit_status():
        from stillcast.cli.spool import list_spool  # noqa: PLC0415

        list_spool(config, path, as_json=as_json)


@spool_app.callback()
def _spool() -> None:
    pass

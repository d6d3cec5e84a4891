"""The command line: ``stillcast``."""


def main() -> None:
    """Run the command that ``sys.argv`` names and exit with its status."""
    from stillcast.cli.app import app  # noqa: PLC0415 - whoever imports stillcast.cli need not want a command line

    app()

"""The program `authsvc`, which says what it lacks where only the client library is installed."""

import sys


def main() -> None:
    """Run the command line."""
    try:
        from authsvc import cli  # noqa: PLC0415 - it may lack what the base install has not
    except ModuleNotFoundError as error:
        if error.name != "typer":
            raise
        sys.exit("This is the client library alone. For commands: pip install 'authsvc[server]'")
    cli.main()


if __name__ == "__main__":
    main()

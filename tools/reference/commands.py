"""The command line, from the program itself."""

import inspect
from collections.abc import Iterator

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup

from authsvc.cli import app


def page() -> str:
    """Give the page of commands."""
    program = typer.main.get_command(app)
    lines = [
        "# Command line",
        "",
        "`authsvc` runs the service and looks after it. Commands that call a server take the",
        "options of the program before their name; outside dev mode they show the API key in",
        "`AUTHSVC_API_KEY_FILE`.",
        "",
        *_table(program),
        *_commands(program, "authsvc"),
    ]
    return "\n".join(lines) + "\n"


def _commands(group: TyperGroup, path: str) -> Iterator[str]:
    for name, command in group.commands.items():
        full = f"{path} {name}"
        if isinstance(command, TyperGroup):
            yield from ("", f"## {full}", "", _help(command))
            yield from _commands(command, full)
            continue
        level = "##" if path == "authsvc" else "###"
        arguments = [p.name.upper() for p in command.params if isinstance(p, TyperArgument)]
        yield from ("", f"{level} {' '.join([full, *arguments])}", "", _help(command))
        yield from ("", *_table(command))


def _help(command: TyperCommand | TyperGroup) -> str:
    return inspect.cleandoc(command.help or "").replace("\f", "")


def _table(command: TyperCommand | TyperGroup) -> Iterator[str]:
    options = [p for p in command.params if p.name != "help"]
    if not options:
        return
    yield from ("| option | meaning |", "|---|---|")
    for option in options:
        names = [option.name.upper()] if isinstance(option, TyperArgument) else option.opts
        shown = ", ".join(f"`{name}`" for name in names)
        variable = f" `{option.envvar}` says the same." if option.envvar else ""
        yield f"| {shown} | {(option.help or '').replace('|', chr(92) + '|')}{variable} |"

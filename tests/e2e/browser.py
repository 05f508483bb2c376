"""A browser for pasted lines: it answers what the shell asks it, with a passkey made in software."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.authenticator import ORIGIN, RP_ID, Authenticator

SETTINGS = {"AUTHSVC_WEBAUTHN_RP_ID": RP_ID, "AUTHSVC_WEBAUTHN_ORIGINS": ORIGIN}
"""What the service is to be started with."""


@contextmanager
def browsing(directory: Path, *, times: int) -> Iterator[str]:
    """Give a line that moves to the directory and defines `browser`, to be called so many times.

    Each call takes the options of `options.json` there and leaves the answer in `answer.json`.
    """
    for pipe in ("asked", "answered"):
        os.mkfifo(directory / pipe)
    page = threading.Thread(target=_answer, args=(directory, times), daemon=True)
    page.start()
    yield (f"cd {directory}\nbrowser() {{ cat options.json > asked; cat answered > answer.json; }}")


def before_answers(block: str) -> str:
    """Let the browser answer before a block that reads the answer."""
    return f"browser\n{block}" if "answer.json" in block else block


def _answer(directory: Path, times: int) -> None:
    """Do what the page does, with what the shell writes where the shell waits for it."""
    authenticator = Authenticator()
    for _ in range(times):
        asked = (directory / "asked").read_text(encoding="utf-8")
        answer = (authenticator.create if '"user"' in asked else authenticator.get)(asked)
        (directory / "answered").write_text(answer, encoding="utf-8")

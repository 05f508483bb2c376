"""What the service logs while a test runs."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog

from authsvc import telemetry


class Log:
    """The lines since the start."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    @property
    def text(self) -> str:
        """All lines as they were written."""
        return self.stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        """All lines, parsed."""
        return [json.loads(line) for line in self.text.splitlines()]

    def events(self, kind: str) -> list[dict[str, Any]]:
        """The security events of one type."""
        lines = self.lines
        return [x for x in lines if x.get("component") == "authsvc.events" and x["event"] == kind]


@contextmanager
def logged(level: str = "info") -> Iterator[Log]:
    """Log as the service does, into memory."""
    log = Log()
    telemetry.configure(level=level, log_format="json", stream=log.stream)
    structlog.configure(cache_logger_on_first_use=False)  # the next test logs elsewhere
    try:
        yield log
    finally:
        structlog.reset_defaults()
        logging.basicConfig(handlers=[], force=True)
        logging.captureWarnings(capture=False)

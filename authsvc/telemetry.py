"""The log: one line of JSON for each event, to standard error.

An event is a constant in lower case, with fields beside it::

    log = telemetry.get_logger(__name__)
    log.info("session revoked", session_id=session_id)

Control characters are never written raw, so that no caller can forge a line (ASVS 16.4.1).
"""

import json
import logging
import sys
import time
import traceback
from collections.abc import MutableMapping
from contextvars import ContextVar
from typing import Any, Literal, TextIO

import structlog

from authsvc.redaction import redact_fields, redact_text

correlation_id: ContextVar[str] = ContextVar("correlation_id", default="")
"""Names the call that is being answered; "" outside of calls."""

trace_id: ContextVar[str] = ContextVar("trace_id", default="")
"""Names the trace that this call is part of; "" if it is part of none."""

Logger = structlog.typing.FilteringBoundLogger
_Fields = MutableMapping[str, Any]

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_DELETE = "\x7f"
_encode = json.JSONEncoder(default=str, separators=(",", ":")).encode


def configure(*, level: str, log_format: Literal["json", "console"], stream: TextIO) -> None:
    """Set up logging for this process; log lines of libraries take the same way."""
    render = _render_json if log_format == "json" else _ConsoleRenderer(colours=stream.isatty())
    structlog.configure(
        processors=[_complete, _redact, render],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    # What libraries do step by step is of interest only to whoever debugs.
    least = _LEVELS[level] if level == "debug" else max(_LEVELS[level], logging.WARNING)
    logging.basicConfig(handlers=[_LibraryHandler()], level=least, force=True)
    # For metadata that is not UTF-8, grpcio logs a traceback that quotes it.
    logging.getLogger("grpc._cython.cygrpc").setLevel(logging.CRITICAL)
    # It complains of every batch that a collector does not take, and of what callers send.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    logging.captureWarnings(capture=True)


def configure_stderr(*, level: str, log_format: Literal["json", "console"]) -> None:
    """Set up logging to standard error."""
    configure(level=level, log_format=log_format, stream=sys.stderr)


def get_logger(name: str) -> Logger:
    """Give a logger whose lines carry this name."""
    logger: Logger = structlog.get_logger(component=name)
    return logger


def _complete(_logger: object, level: str, fields: _Fields) -> _Fields:
    line: dict[str, Any] = {"time": _now(), "level": level, "event": fields.pop("event", "")}
    call = correlation_id.get()
    if call:
        line["correlation_id"] = call
    trace = trace_id.get()
    if trace:
        line["trace_id"] = trace
    if fields.pop("exc_info", None):
        line["exception"] = traceback.format_exc()
    line.update(fields)
    return line


def _now() -> str:
    seconds, milliseconds = divmod(time.time_ns() // 1_000_000, 1000)
    return f"{_second(seconds)}.{milliseconds:03d}Z"


_last_second: tuple[int, str] = (0, "")


def _second(seconds: int) -> str:
    # strftime costs more than the rest of the line; threads at worst format the same second twice.
    global _last_second  # noqa: PLW0603 - a cache of one
    known, text = _last_second
    if known != seconds:
        text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
        _last_second = (seconds, text)
    return text


def _redact(_logger: object, _level: str, fields: _Fields) -> _Fields:
    return redact_fields(fields)  # type: ignore[arg-type] # _complete has made it a dict


def _render_json(_logger: object, _level: str, fields: _Fields) -> str:
    line = redact_text(_encode(fields))
    return line.replace(_DELETE, "\\u007f") if _DELETE in line else line


class _ConsoleRenderer:
    """Lines for people: time, level, event, fields."""

    _COLOURS = {"debug": "2", "info": "32", "warning": "33", "error": "31"}  # noqa: RUF012

    def __init__(self, *, colours: bool) -> None:
        self._colours = colours

    def __call__(self, _logger: object, level: str, fields: _Fields) -> str:
        clock = fields.pop("time")[11:-1]
        fields.pop("level")
        event = _encode(str(fields.pop("event")))[1:-1]
        exception = fields.pop("exception", None)
        values = " ".join(f"{name}={_encode(value)}" for name, value in fields.items())
        shown = self._coloured(f"{level:<7}", self._COLOURS.get(level, "31"))
        line = redact_text(f"{clock} {shown} {event}  {values}".rstrip())
        if exception:
            line += "\n" + redact_text(_printable(exception))
        return line.replace(_DELETE, "\\u007f")

    def _coloured(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colours else text


def _printable(text: str) -> str:
    return "\n".join(_encode(line)[1:-1].replace('\\"', '"') for line in text.splitlines())


class _LibraryHandler(logging.Handler):
    """Takes the log lines of libraries the same way as ours."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            fields: dict[str, Any] = {"component": record.name}
            if record.exc_info and record.exc_info[0] is not None:
                fields["exception"] = "".join(traceback.format_exception(*record.exc_info))
            log = structlog.get_logger()
            getattr(log, _level_name(record.levelno))(record.getMessage(), **fields)
        except Exception:  # noqa: BLE001 - a log line must never break a call
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Say that a line was lost, and not what it was: it may hold anything."""
        sys.stderr.write(
            f'{{"level":"error","event":"log line lost","component":"{record.name}"}}\n'
        )


def _level_name(level: int) -> str:
    for name in ("error", "warning", "info"):
        if level >= _LEVELS[name]:
            return name
    return "debug"

"""A supervisor over stand-in workers, to be run as a program: DATA [BEHAVIOUR] [GRACE].

Its lines on standard output: `serving HTTP_ADDRESS`, and `drained PID` from each drained worker.
"""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from authsvc.config import Config, ConfigurationError, load
from authsvc.serving import serve
from authsvc.worker import serving_http


def _answer(_environ: object, start_response: Callable[..., object]) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]


def _work(config: Config, ready: Callable[[], None]) -> None:
    if "failing" in sys.argv:
        raise SystemExit(7)
    with serving_http(_answer, config.http):
        ready()
        signal.sigwait({signal.SIGTERM})
        if "stubborn" in sys.argv:
            time.sleep(60)
        _say(f"drained {os.getpid()}")


def _say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


def main() -> int:
    """Serve until told to stop."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # never outlive the tests
    if hasattr(os, "sched_setaffinity"):  # at most two cores, as on the least machine
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    redis_url = None if "embedded" in sys.argv else "unix:///nowhere"
    try:
        serve(
            lambda: load(
                mode="dev",
                data=Path(sys.argv[1]),
                listen="127.0.0.1:0",
                http="127.0.0.1:0",
                workers=1 if "alone" in sys.argv else 2,
                drain_grace="1s",
                redis_url=redis_url,
            ),
            on_serving=lambda config: _say(f"serving {config.http}"),
            work=_work,
        )
    except ConfigurationError as error:
        _say(f"refused {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""A worker process: the gRPC server and the HTTP port of one core."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import waitress.server  # type: ignore[import-untyped]

from authsvc import telemetry
from authsvc.addresses import parse_address
from authsvc.config import Config, ConfigurationError
from authsvc.errors import AuthError
from authsvc.listening import shared_socket
from authsvc.process import separate_threads_memory

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_CLOSE_SECONDS = 2
_HTTP_LIMITS = {
    "threads": 1,
    "connection_limit": 100,
    "max_request_header_size": 16 * 1024,
    "max_request_body_size": 1024,
    "channel_timeout": 10,
    "cleanup_interval": 5,
    "ident": "",
}


def run(config: Config, ready: Callable[[], None]) -> None:
    """Serve until SIGTERM, then drain. Tells `ready` once calls are answered.

    To be called in the main thread of a process of its own, with SIGTERM blocked.
    """
    separate_threads_memory()
    telemetry.configure_stderr(level=config.log_level, log_format=config.log_format)
    log = telemetry.get_logger("authsvc.worker")
    try:
        # Only here, after the fork: it imports grpc, whose threads don't survive one.
        from authsvc.app import build  # noqa: PLC0415

        app = build(config)
        app.start(config.listen)
        with serving_http(app.http_application(), config.http):
            ready()
            signal.sigwait({signal.SIGTERM})
            app.stop(config.drain_grace.total_seconds())
    except ConfigurationError as error:
        log.error("worker does not start", faults=list(error.faults))
        raise SystemExit(1) from None
    except AuthError as error:
        log.error("worker does not start", faults=[str(error)])
        raise SystemExit(1) from None
    except Exception:
        log.exception("worker failed")
        raise SystemExit(1) from None


@contextlib.contextmanager
def serving_http(application: "WSGIApplication", address: str) -> Iterator[None]:
    """Answer HTTP on a shared port, in a thread, until the block is left."""
    open_parts: dict[int, Any] = {}

    def close_all() -> None:
        for part in list(open_parts.values()):
            part.close()

    with shared_socket(*parse_address(address)) as shared:
        server = waitress.server.create_server(
            application, map=open_parts, sockets=[shared], **_HTTP_LIMITS
        )
        thread = threading.Thread(target=server.run, name="http", daemon=True)
        thread.start()
        try:
            yield
        finally:
            # In its own thread, which else would stumble over a socket that is no longer there.
            server.trigger.pull_trigger(close_all)
            thread.join(timeout=_CLOSE_SECONDS)
            server.task_dispatcher.shutdown()

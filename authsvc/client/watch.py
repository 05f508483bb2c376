"""A stream that is read for as long as its owner lives, and opened again whenever it breaks."""

import logging
import random
import threading
from collections.abc import Callable
from typing import Any, Protocol

import grpc

from authsvc.client.clock import since_boot

_log = logging.getLogger("authsvc.client")

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 2.0


class FeedBroken(Exception):
    """What came is not what the contract says, or not what is missing here; call again."""


class Call(Protocol):
    """A stream of responses."""

    def __iter__(self) -> Any: ...

    def cancel(self) -> Any:
        """End it."""


class Watch:
    """Keeps one stream open in a thread of its own."""

    def __init__(
        self,
        name: str,
        *,
        open_call: Callable[[], Call],
        take: Callable[[Any], None],
        patience: float,
        disconnected: Callable[[str, str], None],
    ) -> None:
        """Describe a stream.

        Args:
            name: Of the stream, for the log.
            open_call: Begins the call, from wherever its owner has come to.
            take: Applies a response; raises `FeedBroken` if the call is to be begun again.
            patience: After so many seconds without a response the call counts as dead.
            disconnected: Is told the name and the cause of each break.

        """
        self._name = name
        self._open_call = open_call
        self._take = take
        self._patience = patience
        self._disconnected = disconnected
        self._closing = threading.Event()
        self._call: Call | None = None
        self._heard_at = since_boot()
        self._thread = threading.Thread(target=self._run, name=f"authsvc-{name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End the call and the thread."""
        self._closing.set()
        self._cancel()
        if self._thread.is_alive():
            self._thread.join()

    def end_if_silent(self) -> None:
        """End a call that has given no sign of life for too long; it is then begun anew."""
        if since_boot() - self._heard_at > self._patience:
            self._heard_at = since_boot()
            self._cancel()

    def _run(self) -> None:
        pause = _FIRST_PAUSE
        while not self._closing.is_set():
            received, cause = self._read()
            if self._closing.is_set():
                return
            _log.warning("the stream of %s broke: %s", self._name, cause)
            self._disconnected(self._name, cause)
            pause = _FIRST_PAUSE if received else min(2 * pause, _LONGEST_PAUSE)
            # Half of it by chance, so that many clients don't come back at once.
            self._closing.wait(pause * random.uniform(0.5, 1))  # noqa: S311 - no secret

    def _read(self) -> tuple[bool, str]:
        """Read until the stream breaks; say whether a response was taken, and the cause."""
        received = False
        self._heard_at = since_boot()
        try:
            self._call = self._open_call()
            if self._closing.is_set():  # closed before there was a call to cancel
                self._cancel()
            for response in self._call:
                self._heard_at = since_boot()
                self._take(response)
                received = True
        except grpc.RpcError as error:
            return received, error.code().name if isinstance(error, grpc.Call) else "failed"
        except FeedBroken as error:
            return False, str(error)  # waits longer each time, however much it gets
        except Exception as error:  # noqa: BLE001 - the thread must live, or nothing is heard again
            return False, repr(error)
        finally:
            self._cancel()
        return received, "it ended"

    def _cancel(self) -> None:
        call = self._call
        if call is not None:
            call.cancel()


class Watchdog:
    """Looks after streams in a thread, every half second."""

    def __init__(self, *watches: Watch) -> None:
        self._watches = watches
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="authsvc-watchdog", daemon=True)

    def start(self) -> None:
        """Begin with the streams and the looking after them."""
        for watch in self._watches:
            watch.start()
        self._thread.start()

    def close(self) -> None:
        """End all."""
        self._closing.set()
        for watch in self._watches:
            watch.close()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._closing.wait(0.5):
            for watch in self._watches:
                watch.end_if_silent()

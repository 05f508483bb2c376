"""The parent of the worker processes: starts, watches, renews and ends them.

It has a single thread and never imports grpc, whose threads a fork would break. What it does import
is only imported and never used here, so that no child inherits a random state or a connection.
"""

import contextlib
import gc
import importlib
import os
import selectors
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from authsvc import telemetry
from authsvc.config import Config, ConfigurationError
from authsvc.domain import password_guessing
from authsvc.metrics import forget_worker
from authsvc.process import Child
from authsvc.worker_slot import Ready, WorkerSlot

Work = Callable[[Config, Ready], None]
"""What a worker does: serves, calls `Ready`, waits for SIGTERM (which is blocked) and drains."""

_ATTEMPTS = 5
_START_SECONDS = 60.0
_KILL_MARGIN_SECONDS = 2.0
_TICK_SECONDS = 0.5
_HEAVY_MODULES = (
    "argon2",
    "authn.v1.account_service_pb2",
    "authn.v1.auth_service_pb2",
    "authn.v1.key_service_pb2",
    "authn.v1.session_service_pb2",
    "authn.v1.token_service_pb2",
    "cryptography.hazmat.primitives.asymmetric.ed25519",
    "cryptography.hazmat.primitives.ciphers.aead",
    "google.rpc.error_details_pb2",
    "jwt",
    "nacl.bindings",
    "protovalidate",
    "redis",
    "sqlalchemy.dialects.sqlite",
    "uuid_utils",
    "waitress.server",
)

log = telemetry.get_logger("authsvc.supervisor")


class Companion(Protocol):
    """A process that must live as long as the workers do."""

    def is_alive(self) -> bool:
        """Say whether it lives."""

    def start(self) -> None:
        """Start it again."""


class Supervisor:
    """Keeps the configured number of workers running until it is told to stop."""

    def __init__(
        self,
        config: Config,
        work: Work,
        *,
        metrics_directory: Path,
        reload: Callable[[], Config],
        on_serving: Callable[[], None],
        companion: Companion | None = None,
    ) -> None:
        self._config = config
        self._work = work
        self._metrics_directory = metrics_directory
        self._reload = reload
        self._on_serving = on_serving
        self._companion = companion
        self._slots = [WorkerSlot(n, cpu) for n, cpu in enumerate(_cpus(config.workers))]
        self._to_renew: deque[WorkerSlot] = deque()
        self._renewing: WorkerSlot | None = None
        self._has_served = False
        self._stopping = False
        self._selector = selectors.DefaultSelector()

    def run(self) -> None:
        """Run until SIGTERM or SIGINT; SIGHUP renews the workers one by one.

        Raises:
            ConfigurationError: The workers don't become ready.

        """
        with self._selector, _signals(self._selector) as pending:
            try:
                for slot in self._slots:
                    self._start(slot)
                while not self._stopping:
                    self._wait()
                    self._heed(pending())
                    self._look_after_all()
                self._drain(pending)
            finally:
                self._kill_all()

    def _start(self, slot: WorkerSlot) -> None:
        config = self._config
        pipe = slot.start(lambda ready: self._work(config, ready))
        self._selector.register(pipe, selectors.EVENT_READ, slot)

    def _wait(self) -> None:
        for key, _ in self._selector.select(_TICK_SECONDS):
            if isinstance(key.data, WorkerSlot):
                told = os.read(key.fd, 1)
                self._close_pipe(key.data)
                if told:
                    self._became_ready(key.data)

    def _close_pipe(self, slot: WorkerSlot) -> None:
        if slot.ready_pipe is not None:
            self._selector.unregister(slot.ready_pipe)
            slot.close_pipe()

    def _became_ready(self, slot: WorkerSlot) -> None:
        slot.is_ready = True
        milliseconds = round((time.monotonic() - slot.start_time) * 1000)
        log.info("worker ready", worker=slot.number, pid=_pid(slot), milliseconds=milliseconds)
        if not self._has_served and all(other.is_ready for other in self._slots):
            self._has_served = True
            self._on_serving()

    def _heed(self, signals: Sequence[int]) -> None:
        for number in signals:
            if number in {signal.SIGTERM, signal.SIGINT}:
                self._stopping = True
            elif number == signal.SIGHUP:
                self._renew()

    def _renew(self) -> None:
        try:
            self._config = self._reload()
        except ConfigurationError as error:
            log.error("configuration not reloaded", faults=list(error.faults))
            return
        log.info("renewing workers", count=len(self._slots))
        self._to_renew = deque(self._slots)

    def _look_after_all(self) -> None:
        if self._companion is not None and not self._companion.is_alive():
            log.error("embedded valkey ended, starting it again")
            self._companion.start()
        for slot in self._slots:
            self._look_after(slot)
        self._go_on_renewing()

    def _look_after(self, slot: WorkerSlot) -> None:
        now = time.monotonic()
        self._look_after_leaving(slot, now)
        if slot.child is None:
            if now >= slot.retry_time:
                self._start(slot)
            return
        code = slot.child.poll()
        if code is None:
            if not slot.is_ready and now - slot.start_time > _START_SECONDS:
                slot.child.send(signal.SIGKILL)
            return
        self._close_pipe(slot)
        forget_worker(self._metrics_directory, slot.child.pid)
        pid, delay = slot.child.pid, slot.ended()
        log.error("worker ended", worker=slot.number, pid=pid, exit_code=code, retry_seconds=delay)
        if slot.failures >= _ATTEMPTS and not self._has_served:
            message = (
                f"The workers do not start: {_ATTEMPTS} attempts ended with exit code {code}. "
                "The lines above say why."
            )
            raise ConfigurationError(message)

    def _look_after_leaving(self, slot: WorkerSlot, now: float) -> None:
        if slot.leaving is None:
            return
        if slot.leaving.poll() is not None:
            forget_worker(self._metrics_directory, slot.leaving.pid)
            slot.leaving = slot.leave_deadline = None
        elif slot.leave_deadline is not None and now > slot.leave_deadline:
            slot.leaving.send(signal.SIGKILL)

    def _go_on_renewing(self) -> None:
        """Renew one worker at a time: the new one serves before the old one drains."""
        slot = self._renewing
        if slot is not None:
            if not slot.is_ready:
                return
            if slot.leaving is not None:
                if slot.leave_deadline is None:
                    slot.leave_deadline = time.monotonic() + self._grace()
                    slot.leaving.send(signal.SIGTERM)
                return
            self._renewing = None
        if self._to_renew:
            self._begin_renewing(self._to_renew.popleft())

    def _begin_renewing(self, slot: WorkerSlot) -> None:
        self._renewing = slot
        if slot.child is None:
            return
        if slot.is_ready:
            slot.leaving = slot.child
            self._start(slot)
        else:  # it starts with the old configuration; what takes its place has the new one
            slot.child.send(signal.SIGKILL)

    def _grace(self) -> float:
        return self._config.drain_grace.total_seconds() + _KILL_MARGIN_SECONDS

    def _drain(self, pending: Callable[[], Sequence[int]]) -> None:
        log.info("draining", workers=len(self._slots))
        for child in self._children():
            child.send(signal.SIGTERM)
        # A worker that does not serve yet has nothing to finish.
        for slot in self._slots:
            if slot.child is not None and not slot.is_ready:
                slot.child.send(signal.SIGKILL)
        deadline = time.monotonic() + self._grace()
        while any(child.poll() is None for child in self._children()):
            self._selector.select(_TICK_SECONDS / 10)
            insisted = {signal.SIGTERM, signal.SIGINT}.intersection(pending())
            if insisted or time.monotonic() > deadline:
                return

    def _kill_all(self) -> None:
        for child in self._children():
            child.send(signal.SIGKILL)
        for child in self._children():
            child.wait(_KILL_MARGIN_SECONDS)
        for slot in self._slots:
            self._close_pipe(slot)

    def _children(self) -> list[Child]:
        places = [child for slot in self._slots for child in (slot.child, slot.leaving)]
        return [child for child in places if child is not None]


def import_heavy_modules() -> None:
    """Import and load once, before the forks, what workers need: they start faster and share it."""
    gc.disable()  # what is imported stays: collecting in between only takes time
    for name in _HEAVY_MODULES:
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(name)
    password_guessing.load()
    gc.freeze()
    gc.enable()


def _cpus(workers: int) -> list[int | None]:
    if not hasattr(os, "sched_getaffinity"):
        return [None] * workers
    usable = sorted(os.sched_getaffinity(0))
    if workers < len(usable):  # others have cores too: each of them would begin with the first
        return [None] * workers
    return [usable[number % len(usable)] for number in range(workers)]


def _pid(slot: WorkerSlot) -> int | None:
    return slot.child.pid if slot.child else None


@contextlib.contextmanager
def _signals(selector: selectors.BaseSelector) -> Iterator[Callable[[], Sequence[int]]]:
    """Turn signals into numbers that the loop reads when it is ready for them."""
    read_end, write_end = os.pipe()
    os.set_blocking(read_end, False)
    os.set_blocking(write_end, False)
    selector.register(read_end, selectors.EVENT_READ)
    wakeup_before = signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
    before = {number: signal.signal(number, lambda *_: None) for number in numbers}

    def pending() -> Sequence[int]:
        try:
            return os.read(read_end, 4096)
        except BlockingIOError:
            return b""

    try:
        yield pending
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(wakeup_before)
        selector.unregister(read_end)
        os.close(read_end)
        os.close(write_end)

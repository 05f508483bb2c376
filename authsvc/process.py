"""Child processes that end with their parent, started from a process with a single thread."""

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence

_PR_SET_PDEATHSIG = 1
_M_ARENA_MAX, _ARENAS = -8, 64
_POLL_SECONDS = 0.01
# Loaded here, because a child must not load anything between fork and exec.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class Child:
    """A child process of this one."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._exit_code: int | None = None

    def poll(self) -> int | None:
        """Give the exit code, negative for a signal, or None while the child lives."""
        if self._exit_code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._exit_code = os.waitstatus_to_exitcode(status)
        return self._exit_code

    def send(self, signal_number: signal.Signals) -> None:
        """Send a signal, if the child still lives."""
        if self.poll() is None:
            os.kill(self.pid, signal_number)

    def wait(self, seconds: float) -> int | None:
        """Wait for the end, at most so many seconds; give the exit code or None."""
        deadline = time.monotonic() + seconds
        while self.poll() is None and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        return self._exit_code

    def stop(self, grace_seconds: float) -> None:
        """Ask the child to end, and kill it if it has not after so many seconds."""
        self.send(signal.SIGTERM)
        if self.wait(grace_seconds) is None:
            self.send(signal.SIGKILL)
            self.wait(grace_seconds)


def fork(body: Callable[[], object]) -> Child:
    """Run a callable in a child that is killed when this process ends (Linux).

    The child has a process group of its own, so that Ctrl-C at the terminal reaches the parent
    alone. SIGTERM is blocked in it: it stays pending until the body waits for it. The exit code is
    1 if the body raises, which it should have logged itself.
    """
    _flush()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        _run(body, parent)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return Child(pid)


def _run(body: Callable[[], object], parent: int) -> None:
    code = 1
    try:
        _become_child(parent)
        body()
        code = 0
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else 1
    except BaseException:  # noqa: BLE001 - nothing of the parent may run in the child
        sys.excepthook(*sys.exc_info())
    finally:
        _flush()
        os._exit(code)


def spawn(program: Sequence[str]) -> Child:
    """Run a program in a child that is killed when this process ends (Linux)."""

    def become_program() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.execv(program[0], list(program))  # noqa: S606 - no shell wanted

    return fork(become_program)


def separate_threads_memory() -> None:
    """Let each thread allocate from memory of its own (glibc), from now on.

    Where threads share it, what one keeps comes to lie behind another's password hash, whose place
    is then no longer whole, so that the next hash takes its 19 MB elsewhere.
    """
    if _libc is not None and hasattr(_libc, "mallopt"):
        _libc.mallopt(_M_ARENA_MAX, _ARENAS)


def _become_child(parent: int) -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    os.setpgid(0, 0)
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it ended before the request was made
            os._exit(1)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()

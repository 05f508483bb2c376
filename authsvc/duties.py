"""What a worker does beside answering calls: looking after health, keys and the journal."""

import threading
import time
from collections.abc import Callable, Mapping

from authsvc import telemetry
from authsvc.errors import StoreUnavailable

_STOP_SECONDS = 2.0
_PAUSE_SECONDS = 0.1
"""After a bad turn, so that an outage costs no processor time."""

_log = telemetry.get_logger("authsvc.duties")


_SQL = frozenset(("sql",))
_REDIS = frozenset(("redis",))
NEEDS: Mapping[str, frozenset[str]] = {
    "": _SQL | _REDIS,
    "authn.v1.AuthService": _SQL | _REDIS,
    "authn.v1.TokenService": frozenset(("revocations",)),
    "authn.v1.SessionService": _SQL | _REDIS,
    "authn.v1.AccountService": _SQL,
    "authn.v1.FactorService": _SQL | _REDIS,
    "authn.v1.EventService": _SQL,
    "authn.v1.KeyService": _SQL | _REDIS,
    "authn.v1.ServiceAccountService": _SQL | _REDIS,
    "envoy.service.auth.v3.Authorization": frozenset(("revocations",)),
    "grpc.health.v1.Health": frozenset(),
}
"""What a service can't answer without: stores, or the knowledge of what was revoked."""


class Duty:
    """Something to be done again and again. A store that does not answer is waited for."""

    def __init__(self, name: str, act: Callable[[], object], *, every: float) -> None:
        """Name the act and how many seconds lie between two turns."""
        self.name = name
        self._act = act
        self._every = every
        self._is_put_off = False

    def run(self, stopped: threading.Event) -> None:
        """Do it at once and then again and again, until it is stopped."""
        while not stopped.is_set():
            pause = self._every if self._take_turn() else max(self._every, _PAUSE_SECONDS)
            stopped.wait(pause)

    def _take_turn(self) -> bool:
        try:
            self._act()
        except StoreUnavailable as error:
            if not self._is_put_off:  # said once: an outage may last for a million turns
                _log.warning("duty put off", duty=self.name, detail=str(error))
            self._is_put_off = True
            return False
        except Exception:  # noqa: BLE001 - one bad turn must not end the duty
            _log.exception("duty failed", duty=self.name)
            return False
        if self._is_put_off:
            _log.info("duty taken up again", duty=self.name)
        self._is_put_off = False
        return True


class Duties:
    """Does the duties of a worker, each in a thread of its own: a store that hangs holds up none
    but those that need it.
    """

    def __init__(self, *duties: Duty) -> None:
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=duty.run, args=(self._stopped,), name=duty.name, daemon=True)
            for duty in duties
        ]

    def start(self) -> None:
        """Begin with the first turn of each."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End after the present turns; one that hangs is not waited for."""
        self._stopped.set()
        deadline = time.monotonic() + _STOP_SECONDS
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, deadline - time.monotonic()))


class HealthCheck:
    """Finds out which services can answer from which stores do."""

    def __init__(
        self,
        *,
        needs: Mapping[str, frozenset[str]],
        update: Callable[[Mapping[str, bool]], None],
    ) -> None:
        """Take the stores that each service needs, and whom to tell."""
        self._needs = needs
        self._update = update
        self._answering: set[str] = set()
        self._telling = threading.Lock()

    def probe(self, store: str, ask: Callable[[], None]) -> None:
        """Ask a store once, and tell what can be answered now."""
        answers = _answers(ask)
        with self._telling:
            (self._answering.add if answers else self._answering.discard)(store)
            self._update(
                {service: stores <= self._answering for service, stores in self._needs.items()}
            )


def _answers(ask: Callable[[], None]) -> bool:
    try:
        ask()
    except StoreUnavailable:
        return False
    return True

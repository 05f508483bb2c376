"""What a worker does beside answering calls: looking after health, keys and the journal."""

import threading
from collections.abc import Callable, Mapping

from authsvc import telemetry
from authsvc.errors import StoreUnavailable

_log = telemetry.get_logger("authsvc.duties")


class Duty:
    """Something to be done again and again. A store that does not answer is waited for."""

    def __init__(self, name: str, act: Callable[[], None], *, every: int) -> None:
        """Name the act and how many ticks of a second lie between two turns."""
        self._name = name
        self._act = act
        self._every = every

    def tick(self, count: int) -> None:
        """Do it if it is due at this tick."""
        if count % self._every:
            return
        try:
            self._act()
        except StoreUnavailable as error:
            _log.warning("duty put off", duty=self._name, detail=str(error))
        except Exception:  # noqa: BLE001 - one duty must not end the others
            _log.exception("duty failed", duty=self._name)


class Duties:
    """Does the duties of a worker in a thread of their own, until it is stopped."""

    def __init__(self, *duties: Duty) -> None:
        self._duties = duties
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="duties", daemon=True)

    def start(self) -> None:
        """Begin with the first turn of each."""
        self._thread.start()

    def stop(self) -> None:
        """End after the present turn."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def _run(self) -> None:
        count = 0
        while not self._stopped.wait(1.0 if count else 0.0):
            for duty in self._duties:
                duty.tick(count)
            count += 1


class HealthCheck:
    """Finds out which services can answer from which stores do."""

    def __init__(
        self,
        *,
        probes: Mapping[str, Callable[[], None]],
        needs: Mapping[str, frozenset[str]],
        update: Callable[[Mapping[str, bool]], None],
    ) -> None:
        """Take a probe for each store, the stores that each service needs, and whom to tell."""
        self._probes = probes
        self._needs = needs
        self._update = update

    def __call__(self) -> None:
        """Probe every store once."""
        answering = {store for store, probe in self._probes.items() if _answers(probe)}
        self._update({service: stores <= answering for service, stores in self._needs.items()})


def _answers(probe: Callable[[], None]) -> bool:
    try:
        probe()
    except StoreUnavailable:
        return False
    return True

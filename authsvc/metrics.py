"""What is counted and measured, for Prometheus.

With several worker processes, prometheus-client keeps the values in the files of the directory
that `PROMETHEUS_MULTIPROC_DIR` names, and any worker can answer for all. No label ever holds what a
caller chose.
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector

DIRECTORY_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

_UNKNOWN = "unknown"
_BUCKETS = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


_LAG = {
    "lag_events": "Security events that a sink has not got yet.",
    "lag_seconds": "Age of the oldest security event that a sink has not got yet.",
    "dead_letters": "Security events that a sink has refused for good.",
}


class Metrics:
    """The service's metrics. Safe to use from any thread."""

    def __init__(self, methods: Iterable[str]) -> None:
        """Know the methods by which calls are told apart; all others count as `unknown`."""
        self._registry = CollectorRegistry()
        self._rpcs = Counter(
            "authsvc_rpcs", "Calls answered.", ("method", "code"), registry=self._registry
        )
        seconds = Histogram(
            "authsvc_rpc_seconds",
            "Time from the start of a call to its answer.",
            ("method",),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._events = Counter(
            "authsvc_events", "Security events.", ("type", "outcome"), registry=self._registry
        )
        self._hash_queue = Gauge(
            "authsvc_hash_queue",
            "Password hashes that run or wait.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        self._throttled = Counter(
            "authsvc_throttled",
            "Attempts refused because there were too many.",
            ("kind",),
            registry=self._registry,
        )
        self._shed = Counter(
            "authsvc_hashes_shed",
            "Password hashes refused because the queue was full or too slow.",
            registry=self._registry,
        )
        self._relayed = Counter(
            "authsvc_relayed_events",
            "Security events that a sink has taken or refused.",
            ("sink", "outcome"),
            registry=self._registry,
        )
        self._outages = Counter(
            "authsvc_relay_outages",
            "Attempts to relay that found the sink unavailable.",
            ("sink",),
            registry=self._registry,
        )
        self._lag = {
            name: Gauge(
                f"authsvc_relay_{name}",
                text,
                ("sink",),
                registry=self._registry,
                multiprocess_mode="livemostrecent",
            )
            for name, text in _LAG.items()
        }
        self._observe = {method: seconds.labels(method).observe for method in (*methods, _UNKNOWN)}
        self._count: dict[tuple[str, str], Callable[[], None]] = {}
        self._count_event: dict[tuple[str, str], Callable[[], None]] = {}

    def observe(self, method: str, code: str, seconds: float) -> None:
        """Count a call that was answered with this status code after so many seconds."""
        observe = self._observe.get(method)
        if observe is None:
            method, observe = _UNKNOWN, self._observe[_UNKNOWN]
        observe(seconds)
        self.count(method, code)

    def count(self, method: str, code: str) -> None:
        """Count a stream that ended with this status code; how long it lasted says nothing."""
        count = self._count.get((method, code))
        if count is None:
            count = self._count[method, code] = self._rpcs.labels(method, code).inc
        count()

    def count_event(self, event_type: str, outcome: str) -> None:
        """Count a security event."""
        count = self._count_event.get((event_type, outcome))
        if count is None:
            count = self._count_event[event_type, outcome] = self._events.labels(
                event_type, outcome
            ).inc
        count()

    def count_throttled(self, kind: str) -> None:
        """Count an attempt that was refused, by the kind of the limit that it met."""
        self._throttled.labels(kind).inc()

    def count_shed(self) -> None:
        """Count a password hash that was refused."""
        self._shed.inc()

    def set_hash_queue(self, length: int) -> None:
        """Tell how many password hashes run or wait in this process."""
        self._hash_queue.set(length)

    def count_relayed(self, sink: str, outcome: str, count: int) -> None:
        """Count security events that a sink has `taken` or `refused`."""
        self._relayed.labels(sink, outcome).inc(count)

    def count_outage(self, sink: str) -> None:
        """Count an attempt to relay that found the sink unavailable."""
        self._outages.labels(sink).inc()

    def set_lag(self, sink: str, *, events: int, seconds: float, dead_letters: int) -> None:
        """Tell what a sink has not got yet, how old that is, and what it has refused."""
        values = {"lag_events": events, "lag_seconds": seconds, "dead_letters": dead_letters}
        for name, value in values.items():
            self._lag[name].labels(sink).set(value)

    def render(self) -> tuple[bytes, str]:
        """Give all metrics of all workers, and the content type."""
        registry = self._registry
        if os.environ.get(DIRECTORY_VARIABLE):
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry), CONTENT_TYPE_LATEST


def prepare_directory(directory: Path) -> None:
    """Empty the directory of the metrics files and let this process and its children use it.

    To be called before `prometheus_client` is first used.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for file in directory.glob("*.db"):
        file.unlink()
    os.environ[DIRECTORY_VARIABLE] = str(directory)


def forget_worker(directory: Path, pid: int) -> None:
    """Remove the gauges of a worker that has ended; what it counted stays counted."""
    for file in directory.glob(f"gauge_live*_{pid}.db"):
        file.unlink(missing_ok=True)

"""A worker's service: how it begins, and how it ends."""

from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass

import grpc

from authsvc import telemetry
from authsvc.config import Config, ConfigurationError
from authsvc.domain.fence import FenceKeeper
from authsvc.domain.keys import Keys
from authsvc.domain.passwords import Passwords
from authsvc.duties import Duties
from authsvc.errors import StoreUnavailable
from authsvc.relaying import Relaying
from authsvc.revoking import Revoking
from authsvc.transport.health import Health
from authsvc.transport.http import HttpApplication
from authsvc.watching import Watching

_log = telemetry.get_logger("authsvc.app")


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A worker's service, put together."""

    config: Config
    server: grpc.Server
    credentials: grpc.ServerCredentials | None
    """What the port speaks TLS with; None if it does not."""
    health: Health
    http: HttpApplication
    keys: Keys
    fence: FenceKeeper
    watching: Watching
    passwords: Passwords
    duties: Duties
    revoking: Revoking
    relaying: Relaying
    stores: ExitStack
    """Holds the connections to SQL and Redis, and to whoever collects traces."""
    check_redis: Callable[[], list[str]]

    def start(self, listen: str) -> int:
        """Answer calls on this address, and give the port.

        Raises:
            StoreUnavailable: SQL does not answer.
            ConfigurationError: Redis would lose what it must keep.

        """
        self.keys.rotate_if_due()
        try:
            self.fence.restore()
            self.revoking.follower.step()
            faults = self.check_redis()
        except StoreUnavailable as error:  # the first call that needs Redis tries again
            _log.warning("started without redis", detail=str(error))
        else:
            if faults:
                raise ConfigurationError(*faults)
        port = self._open_port(listen)
        self.server.start()
        self.duties.start()
        return port

    def _open_port(self, listen: str) -> int:
        if self.credentials is None:
            return self.server.add_insecure_port(listen)
        return self.server.add_secure_port(listen, self.credentials)

    def stop(self, grace: float) -> None:
        """Say that nothing is served any longer, finish what was begun, and stop."""
        self.relaying.stop()
        self.duties.stop()  # first, so that none says otherwise afterwards
        self.relaying.close()
        with suppress(StoreUnavailable):  # then revokers wait for the end of its lease
            self.revoking.follower.sign_off()
        self.watching.end_streams()
        self.server.stop(grace).wait()
        self.watching.close()
        self.passwords.close()
        self.stores.close()

    def http_application(self) -> HttpApplication:
        """Give the application of the HTTP port."""
        return self.http

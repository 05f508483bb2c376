"""Which server this process trusts, and by which fence.

The fence alone can't tell a server that came back from its disk without its last writes: the fence
is old enough to have survived. But such a server has another run id, which every new connection
reads. So a script goes out with the fence only on a connection whose server is the one that the
last restore made true; on any other connection there is no fence to send, and the keeper is called.

A restart in the middle of a restore is safe, because a restore is good only if every exchange from
its first to its last met one and the same server:

* `begin` makes every connection older than it be opened anew, so each tells who it is;
* whatever is sent afterwards is noted with the server that it was sent to;
* `accept` refuses if more than one server was noted. The fence may then stand in the second one's
  data, but stands for nothing: this process trusts no server, and the others trust by name too;
* a restart after `accept` breaks the connections, and the next one tells another run id.

A server that is emptied while it runs keeps its name and loses the marks of the restore, or, after
it, the fence.
"""

import threading
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServerIdentity:
    """Who answers: another start, and another replication history, is another server."""

    run_id: bytes
    replication_id: bytes


@dataclass(frozen=True, slots=True)
class Introduction:
    """What a connection learnt when it was opened, and in which round that was."""

    identity: ServerIdentity
    round: int


class Trust:
    """What is trusted now. Starts with nothing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._server: ServerIdentity | None = None
        self._fence = b""
        self._round = 0
        self._met: set[ServerIdentity] = set()

    def introduce(self, identity: ServerIdentity) -> Introduction:
        """Take note of a new connection's server; a stranger ends the trust in the known one."""
        with self._lock:
            if identity != self._server:
                self._server = None
            return Introduction(identity, self._round)

    def is_current(self, introduction: Introduction) -> bool:
        """Whether a connection was opened since the last restore began."""
        return introduction.round == self._round

    def meet(self, identity: ServerIdentity) -> bytes | None:
        """Note that something is about to be sent; give the fence, or None on a stranger."""
        with self._lock:
            self._met.add(identity)
            return self._fence if identity == self._server else None

    def begin(self) -> None:
        """Trust nobody, and begin to note who is met."""
        with self._lock:
            self._server = None
            self._round += 1
            self._met = set()

    def accept(self, fence: bytes) -> bool:
        """Trust the one server that was met since `begin`; False if there were several."""
        with self._lock:
            if len(self._met) != 1:
                return False
            self._fence = fence
            (self._server,) = self._met
            return True

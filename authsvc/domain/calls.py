"""Who makes a call, and until when it can be answered. Identity is an argument, never ambient."""

import ipaddress
from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple

from authsvc.domain.calling_service import CallingService
from authsvc.domain.events import Event, EventType
from authsvc.domain.identifiers import AccountId
from authsvc.errors import AccessDenied, InvalidAudience, TokenRequired
from authsvc.verify.claims import Claims

_SUBNET = 64
"""Bits of an IPv6 address that tell one household from another (RFC 6177)."""

PUBLIC_CLIENT = "public"
"""The client id where no calling service was authenticated."""


class Call(NamedTuple):
    """One call of an RPC: a tuple, since making one is a part of every call's price."""

    client_id: str
    """The calling service; `PUBLIC_CLIENT` if none was authenticated."""
    client_scopes: frozenset[str] | None
    """What the calling service may do; None means everything (a loopback peer in dev mode)."""
    peer: str
    """The address that the call came from, without the port."""
    time_left: Callable[[], timedelta]
    """How long an answer is of use; may be negative."""
    correlation_id: str = ""
    """Tells it apart in logs, and ties together what came of it."""
    claims: Claims | None = None
    """Of the account's access token that came along, checked and active."""
    service: CallingService | None = None
    """The calling service; None if none was authenticated, or it has no service account."""
    certificate: bytes = b""
    """SHA-256 of the client certificate of the connection; empty if there is none."""
    traceparent: str = ""
    """Its place in a trace (W3C Trace Context); empty if it is in none."""

    @property
    def actor(self) -> str:
        """Who acts: the account whose access token came along, else the calling service."""
        return self.claims.subject if self.claims is not None else self.client_id

    def event(
        self,
        kind: EventType,
        *,
        subject: str = "",
        session_id: str = "",
        failure: str = "",
        note: str = "",
    ) -> Event:
        """Give the event of an act of this call; it succeeded unless a failure is named."""
        return Event(
            type=kind,
            actor=self.actor,
            peer=self.peer,
            subject=subject,
            session_id=session_id,
            succeeded=not failure,
            reason=failure or note,
            correlation_id=self.correlation_id,
            traceparent=self.traceparent,
        )

    def origin(self, ip_address: str) -> str:
        """Give the address that a person's attempts count for.

        Args:
            ip_address: The person's address as the caller tells it; believed of a calling service
                alone. An IPv6 address counts by its /64, of which anybody has all.

        """
        is_service = self.client_id != PUBLIC_CLIENT
        address = ip_address if is_service and ip_address else self.peer
        try:
            found = ipaddress.ip_address(address)
        except ValueError:  # a Unix socket's peer
            return address
        if isinstance(found, ipaddress.IPv4Address):
            return str(found)
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found.packed[:8] + bytes(8), _SUBNET)))

    def holds(self, scope: str) -> bool:
        """Say whether the calling service or the account that calls holds a scope."""
        if self.client_scopes is None or scope in self.client_scopes:
            return True
        return self.claims is not None and scope in self.claims.scopes

    def serves(self, audience: str) -> bool:
        """Say whether the calling service may get and check tokens for an audience."""
        return self.service is None or self.service.serves(audience)

    def check_audience(self, audience: str) -> None:
        """Let the calling service get tokens for an audience.

        Raises:
            InvalidAudience: It is not on the service's list.

        """
        if not self.serves(audience):
            raise InvalidAudience(audience)

    def own_account(self) -> AccountId:
        """Give the account that calls for itself.

        Raises:
            TokenRequired: No account's access token came along.

        """
        if self.claims is None:
            raise TokenRequired
        return AccountId(self.claims.subject)

    def account(self, requested: str, *, scope: str) -> AccountId:
        """Give the account to act on: the caller's own, or with the scope any.

        Raises:
            TokenRequired: No account is named and none calls.
            AccessDenied: Another account than the caller's, without the scope.

        """
        if not requested:
            return self.own_account()
        if self.may_act_on(requested, scope=scope):
            return AccountId(requested)
        raise AccessDenied(scope)

    def may_act_on(self, account_id: str, *, scope: str) -> bool:
        """Say whether the caller is the account itself or holds the scope."""
        return self.holds(scope) or (self.claims is not None and self.claims.subject == account_id)

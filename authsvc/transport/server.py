"""The gRPC server: its services, its limits (P-API-1), and how it begins and ends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import grpc
from authn.v1 import (
    account_service_pb2,
    account_service_pb2_grpc,
    auth_service_pb2,
    auth_service_pb2_grpc,
    event_service_pb2,
    event_service_pb2_grpc,
    factor_service_pb2,
    factor_service_pb2_grpc,
    key_service_pb2,
    key_service_pb2_grpc,
    service_account_service_pb2,
    service_account_service_pb2_grpc,
    session_service_pb2,
    session_service_pb2_grpc,
    token_service_pb2,
    token_service_pb2_grpc,
)
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health_pb2, health_pb2_grpc

from authsvc.transport import native, reflection
from authsvc.transport.access import FOREIGN_RULES, AccessRule, access_rules
from authsvc.transport.account_service import AccountService
from authsvc.transport.auth_service import AuthService
from authsvc.transport.event_service import EventService
from authsvc.transport.ext_authz.messages import SERVICE as EXT_AUTHZ
from authsvc.transport.ext_authz.service import AuthorizationService, add_authorization_to_server
from authsvc.transport.factor_service import FactorService
from authsvc.transport.handler_threads import HandlerThreads
from authsvc.transport.health import Health
from authsvc.transport.interceptors import CallInterceptor
from authsvc.transport.key_service import KeyService
from authsvc.transport.requests import REQUEST_STREAMS
from authsvc.transport.service_account_service import ServiceAccountService
from authsvc.transport.session_service import SessionService
from authsvc.transport.token_service import TokenService

SERVICES: tuple[ServiceDescriptor, ...] = tuple(
    module.DESCRIPTOR.services_by_name[name]
    for module, name in (
        (auth_service_pb2, "AuthService"),
        (token_service_pb2, "TokenService"),
        (session_service_pb2, "SessionService"),
        (account_service_pb2, "AccountService"),
        (factor_service_pb2, "FactorService"),
        (key_service_pb2, "KeyService"),
        (event_service_pb2, "EventService"),
        (service_account_service_pb2, "ServiceAccountService"),
    )
)
"""The services of the contract that are served."""

CONCURRENCY = 24
"""How many calls are worked on at once: more than can wait for password hashes."""

_GRPCIO_THREADS = 1024
"""grpcio waits in a thread for the message of a call, as long as the connection lives."""

Transport = Literal["grpcio", "native"]
"""What speaks HTTP/2: grpcio, the reference, or pygrpc-native, which bears more calls."""


def access_to_methods() -> Mapping[str, AccessRule]:
    """Give the rule of every method that is served, by its path, but of health and reflection.

    Raises:
        ValueError: A method of the contract has none.

    """
    return {**access_rules(SERVICES), **FOREIGN_RULES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Servicers:
    """What answers."""

    auth: AuthService
    token: TokenService
    session: SessionService
    account: AccountService
    factor: FactorService
    key: KeyService
    event: EventService
    service_account: ServiceAccountService
    authorization: AuthorizationService
    health: Health


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a peer may ask for at most."""

    message_bytes: int
    metadata_bytes: int
    concurrent_streams: int
    connection_age: timedelta
    connection_grace: timedelta

    def channel_options(self) -> Sequence[tuple[str, int]]:
        """Give them as options of gRPC, without those on the age of a connection."""
        return (
            ("grpc.so_reuseport", 1),
            ("grpc.max_receive_message_length", self.message_bytes),
            ("grpc.max_metadata_size", self.metadata_bytes),
            ("grpc.absolute_max_metadata_size", self.metadata_bytes),
            ("grpc.max_concurrent_streams", self.concurrent_streams),
            # It counts streams that have ended but are not cleared away yet, and so refuses every
            # tenth call of an honest client at the limit. Nor does a rapid reset need it: what is
            # cancelled at once starts no handler.
            ("grpc.http.overload_protection", 0),
            ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
            # Who is silent, or slow at TLS, is not waited for as long as grpcio would, two minutes.
            ("grpc.server_handshake_timeout_ms", 10_000),
            ("grpc.keepalive_time_ms", 60_000),
            ("grpc.keepalive_timeout_ms", 20_000),
        )

    def age_options(self) -> Sequence[tuple[str, int]]:
        """Give those on the age of a connection, which the native transport lacks."""
        millisecond = timedelta(milliseconds=1)
        return (
            ("grpc.max_connection_age_ms", self.connection_age // millisecond),
            ("grpc.max_connection_age_grace_ms", self.connection_grace // millisecond),
        )


def build_server(
    servicers: Servicers,
    interceptor: CallInterceptor,
    limits: Limits,
    *,
    with_reflection: bool,
    transport: Transport,
) -> grpc.Server:
    """Put a server together; it has no port yet."""
    server = _new_server(interceptor, limits, transport)
    auth_service_pb2_grpc.add_AuthServiceServicer_to_server(servicers.auth, server)
    token_service_pb2_grpc.add_TokenServiceServicer_to_server(servicers.token, server)
    session_service_pb2_grpc.add_SessionServiceServicer_to_server(servicers.session, server)
    account_service_pb2_grpc.add_AccountServiceServicer_to_server(servicers.account, server)
    factor_service_pb2_grpc.add_FactorServiceServicer_to_server(servicers.factor, server)
    key_service_pb2_grpc.add_KeyServiceServicer_to_server(servicers.key, server)
    event_service_pb2_grpc.add_EventServiceServicer_to_server(servicers.event, server)
    service_account_service_pb2_grpc.add_ServiceAccountServiceServicer_to_server(
        servicers.service_account, server
    )
    health_pb2_grpc.add_HealthServicer_to_server(servicers.health, server)
    add_authorization_to_server(servicers.authorization, server)
    if with_reflection:
        health = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
        own = (service.full_name for service in SERVICES)
        reflection.add_to_server(server, [*own, EXT_AUTHZ, health])
    return server


def _new_server(interceptor: CallInterceptor, limits: Limits, transport: Transport) -> grpc.Server:
    native_threads = CONCURRENCY + REQUEST_STREAMS
    threads = native_threads if transport == "native" else _GRPCIO_THREADS
    executor = HandlerThreads(threads)
    options = limits.channel_options()
    if transport == "native":
        return native.new_server(executor, interceptors=[interceptor], options=options)
    return grpc.server(
        executor,  # type: ignore[arg-type]  # which asks for one class of executors, and takes any
        interceptors=[interceptor],
        options=[*options, *limits.age_options()],
    )

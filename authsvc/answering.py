"""What answers calls, put together: a servicer for each service, and what surrounds them."""

from dataclasses import dataclass

from authsvc.authenticating import Authenticating
from authsvc.calling import Calling
from authsvc.domain.account_directory import AccountDirectory
from authsvc.domain.account_export import AccountExport
from authsvc.domain.account_import import AccountImport
from authsvc.domain.grants import Grants
from authsvc.domain.key_administration import KeyAdministration
from authsvc.domain.requirements import Requirements
from authsvc.domain.revocation import Revoker
from authsvc.domain.session_directory import SessionDirectory
from authsvc.domain.token_checking import TokenChecker
from authsvc.domain.token_exchange import TokenExchange
from authsvc.domain.verification import Verification
from authsvc.foundation import Foundation
from authsvc.second_factors import SecondFactors
from authsvc.stores.sql.account_import import SqlAccountImportStore
from authsvc.transport.account_service import AccountService
from authsvc.transport.auth_service import AuthService
from authsvc.transport.callers import Callers
from authsvc.transport.event_service import EventService
from authsvc.transport.ext_authz.service import AuthorizationService
from authsvc.transport.factor_service import FactorService
from authsvc.transport.interceptors import CallInterceptor
from authsvc.transport.key_service import KeyService
from authsvc.transport.server import CONCURRENCY, Servicers, access_to_methods
from authsvc.transport.service_account_service import ServiceAccountService
from authsvc.transport.session_service import SessionService
from authsvc.transport.token_service import TokenService
from authsvc.watching import Watching


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the domain consists of, as far as calls reach it."""

    revoker: Revoker
    grants: Grants
    factors: SecondFactors
    proving: Authenticating
    services: Calling
    checker: TokenChecker
    exchange: TokenExchange
    watching: Watching


def servicers(base: Foundation, parts: Parts) -> Servicers:
    """Put together what answers."""
    proving, factors, revoker = parts.proving, parts.factors, parts.revoker
    verification = Verification(
        checker=parts.checker, keys=base.keys, revoker=revoker, grants=parts.grants
    )
    page_key = base.secret("page key")
    return Servicers(
        auth=AuthService(
            login=proving.login,
            registration=proving.registration,
            grants=parts.grants,
            second_factor=factors.second_factor,
            passkey_login=factors.passkey_login,
            verification=verification,
            password_reset=proving.password_reset,
            address_verification=proving.address_verification,
        ),
        token=TokenService(
            verification=verification,
            service_tokens=parts.services.tokens,
            exchange=parts.exchange,
            keys=base.keys,
            revocation_watch=parts.watching.revocations,
            key_watch=parts.watching.keys,
        ),
        session=SessionService(
            directory=SessionDirectory(
                sessions=base.sessions,
                accounts=base.accounts,
                revoker=revoker,
                clock=base.clock,
            ),
            page_key=page_key,
        ),
        account=_account_service(base, parts, page_key),
        factor=FactorService(
            directory=factors.directory, totp=factors.totp, passkeys=factors.passkey_enrolment
        ),
        key=KeyService(
            KeyAdministration(keys=base.keys, fence=base.fence, revoker=revoker, record=base.record)
        ),
        service_account=ServiceAccountService(parts.services.directory, page_key=page_key),
        event=EventService(
            reader=base.recorded.reader, watch=parts.watching.events, page_key=page_key
        ),
        authorization=AuthorizationService(verification),
        health=parts.watching.health,
    )


def interceptor(base: Foundation, parts: Parts) -> CallInterceptor:
    """Put together what surrounds each call."""
    config, services, checker = base.config, parts.services, parts.checker
    return CallInterceptor(
        rules=access_to_methods(),
        callers=Callers(
            services=services.authenticator,
            verify_assertion=services.assertions.verify,
            verify=lambda token, certificate: (
                checker.verify(token, Requirements(certificate=certificate)).claims
            ),
            trust_loopback=config.mode == "dev",
            require_caller=config.require_caller,
            with_certificates=config.tls_client_ca is not None,
        ),
        metrics=base.metrics,
        streams=parts.watching.streams,
        tracing=base.tracing,
        deadline=config.server_deadline,
        max_metadata_bytes=config.max_metadata_bytes,
        concurrency=CONCURRENCY,
    )


def _account_service(base: Foundation, parts: Parts, page_key: bytes) -> AccountService:
    proving, clock = parts.proving, base.clock
    directory = AccountDirectory(accounts=base.accounts, revoker=parts.revoker, clock=clock)
    return AccountService(
        directory=directory,
        account_import=AccountImport(
            store=SqlAccountImportStore(base.engine, base.outbox),
            passwords=proving.passwords,
            kinds=proving.hash_kinds,
            key=base.secret("import key"),
            clock=clock,
        ),
        account_export=AccountExport(
            directory=directory,
            sessions=base.sessions,
            factors=parts.factors.store,
            record=base.record,
            clock=clock,
        ),
        registration=proving.registration,
        password_change=proving.password_change,
        password_policy=proving.password_policy,
        page_key=page_key,
    )

"""Between the messages of the contract and the values of the domain."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from authn.v1.account_pb2 import Account as AccountMessage
from authn.v1.account_pb2 import AccountState as AccountStateMessage
from authn.v1.auth_service_pb2 import MfaChallenge as MfaChallengeMessage
from authn.v1.event_pb2 import Event as EventMessage
from authn.v1.event_pb2 import EventOutcome
from authn.v1.factor_pb2 import Factor as FactorMessage
from authn.v1.factor_pb2 import FactorType as FactorTypeMessage
from authn.v1.key_pb2 import Key as KeyMessage
from authn.v1.key_pb2 import KeyState as KeyStateMessage
from authn.v1.revocation_pb2 import Revocation as RevocationMessage
from authn.v1.revocation_pb2 import RevocationKind as RevocationKindMessage
from authn.v1.service_account_pb2 import ApiKey as ApiKeyMessage
from authn.v1.service_account_pb2 import ServiceAccount as ServiceAccountMessage
from authn.v1.service_account_pb2 import ServiceAccountState as ServiceAccountStateMessage
from authn.v1.session_pb2 import Client as ClientMessage
from authn.v1.session_pb2 import Session as SessionMessage
from authn.v1.token_pb2 import JsonWebKey, TokenClaims, TokenSet
from google.protobuf.timestamp_pb2 import Timestamp

from authsvc.domain.accounts import Account, AccountState
from authsvc.domain.api_keys import ApiKey
from authsvc.domain.events import KeptEvent
from authsvc.domain.factors import Factor, FactorType
from authsvc.domain.grants import Tokens
from authsvc.domain.key_standing import KeyStanding, KeyState
from authsvc.domain.revocation import Revocation
from authsvc.domain.second_factor import MfaChallenge
from authsvc.domain.service_accounts import ServiceAccount, ServiceAccountState
from authsvc.domain.sessions import ClientInfo, Session
from authsvc.verify.assurance import acr_of
from authsvc.verify.claims import Claims
from authsvc.verify.revocations import RevocationKind

_ACCOUNT_STATES = {
    AccountState.ACTIVE: AccountStateMessage.ACCOUNT_STATE_ACTIVE,
    AccountState.DISABLED: AccountStateMessage.ACCOUNT_STATE_DISABLED,
}
_KEY_STATES = {
    KeyState.PENDING: KeyStateMessage.KEY_STATE_PENDING,
    KeyState.ACTIVE: KeyStateMessage.KEY_STATE_ACTIVE,
    KeyState.RETIRED: KeyStateMessage.KEY_STATE_RETIRED,
    KeyState.REVOKED: KeyStateMessage.KEY_STATE_REVOKED,
}
_SERVICE_ACCOUNT_STATES = {
    ServiceAccountState.ACTIVE: ServiceAccountStateMessage.SERVICE_ACCOUNT_STATE_ACTIVE,
    ServiceAccountState.DISABLED: ServiceAccountStateMessage.SERVICE_ACCOUNT_STATE_DISABLED,
}

_FACTOR_TYPES = {
    FactorType.TOTP: FactorTypeMessage.FACTOR_TYPE_TOTP,
    FactorType.PASSKEY: FactorTypeMessage.FACTOR_TYPE_PASSKEY,
}
_REVOCATION_KINDS = {
    RevocationKind.TOKEN: RevocationKindMessage.REVOCATION_KIND_TOKEN,
    RevocationKind.SESSION: RevocationKindMessage.REVOCATION_KIND_SESSION,
    RevocationKind.ACCOUNT: RevocationKindMessage.REVOCATION_KIND_ACCOUNT,
    RevocationKind.KEY: RevocationKindMessage.REVOCATION_KIND_KEY,
}


def timestamp(moment: datetime) -> Timestamp:
    """Write a moment."""
    return Timestamp(seconds=int(moment.timestamp()), nanos=moment.microsecond * 1000)


def moment(message: Timestamp) -> datetime:
    """Read a moment, to the microsecond."""
    return datetime.fromtimestamp(message.seconds, UTC) + timedelta(
        microseconds=message.nanos // 1000
    )


def token_set(tokens: Tokens) -> TokenSet:
    """Write the tokens of a session."""
    return TokenSet(
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token,
        token_type="Bearer",  # noqa: S106 - the word of RFC 6750
        access_token_expire_time=timestamp(tokens.access_token_expire_time),
        refresh_token_expire_time=timestamp(tokens.refresh_token_expire_time),
        session_id=tokens.session_id,
    )


def mfa_challenge(challenge: MfaChallenge) -> MfaChallengeMessage:
    """Write what is due before a session is opened."""
    return MfaChallengeMessage(
        challenge_token=challenge.token,
        expire_time=timestamp(challenge.expire_time),
        factor_types=[_FACTOR_TYPES[kind] for kind in challenge.factor_types],
        passkey_request_options=challenge.passkey_request_options,
    )


def token_claims(claims: Claims) -> TokenClaims:
    """Write what an access token says."""
    return TokenClaims(
        subject=claims.subject,
        session_id=claims.session_id,
        token_id=claims.token_id,
        client_id=claims.client_id,
        audience=claims.audience,
        scopes=claims.scopes,
        roles=claims.roles,
        issue_time=Timestamp(seconds=claims.issued_at),
        expire_time=Timestamp(seconds=claims.expires_at),
        auth_time=Timestamp(seconds=claims.authenticated_at),
        amr=claims.amr,
        acr=claims.acr,
        epoch=claims.epoch,
        actor=claims.actor,
        actors=[actor.subject for actor in claims.delegation.actors] if claims.delegation else (),
        certificate_sha256=claims.certificate,
    )


def session_claims(session: Session) -> TokenClaims:
    """Write what introspection tells of a refresh token."""
    return TokenClaims(
        subject=session.account_id,
        session_id=session.session_id,
        client_id=session.client_id,
        audience=session.audience,
        scopes=session.scopes,
        roles=session.roles,
        issue_time=timestamp(session.last_use_time),
        expire_time=timestamp(session.expire_time),
        auth_time=timestamp(session.auth_time),
        amr=session.amr,
        acr=acr_of(session.amr),
        epoch=session.epoch,
    )


def account_message(account: Account) -> AccountMessage:
    """Write an account, without its password hash."""
    message = AccountMessage(
        account_id=account.account_id,
        username=account.username,
        email=account.email or "",
        email_verified=account.email_verified,
        roles=account.roles,
        state=_ACCOUNT_STATES[account.state],
        create_time=timestamp(account.create_time),
        update_time=timestamp(account.update_time),
        epoch=account.epoch,
        phone_number=account.phone_number or "",
        phone_number_verified=account.phone_number_verified,
    )
    if account.password_change_time is not None:
        message.password_change_time.CopyFrom(timestamp(account.password_change_time))
    return message


def factor_message(factor: Factor) -> FactorMessage:
    """Write a second factor, without what proves it."""
    message = FactorMessage(
        factor_id=factor.factor_id,
        type=_FACTOR_TYPES[factor.type],
        display_name=factor.display_name,
        create_time=timestamp(factor.create_time),
    )
    if factor.last_use_time is not None:
        message.last_use_time.CopyFrom(timestamp(factor.last_use_time))
    return message


def client_info(message: ClientMessage) -> ClientInfo:
    """Read the person's device or program."""
    return ClientInfo(
        ip_address=message.ip_address, user_agent=message.user_agent, device_id=message.device_id
    )


def session_message(session: Session) -> SessionMessage:
    """Write an open session, without its secrets."""
    return SessionMessage(
        session_id=session.session_id,
        account_id=session.account_id,
        client_id=session.client_id,
        audience=session.audience,
        scopes=session.scopes,
        client=ClientMessage(
            ip_address=session.client.ip_address,
            user_agent=session.client.user_agent,
            device_id=session.client.device_id,
        ),
        create_time=timestamp(session.create_time),
        last_use_time=timestamp(session.last_use_time),
        expire_time=timestamp(session.expire_time),
        absolute_expire_time=timestamp(session.absolute_expire_time),
        auth_time=timestamp(session.auth_time),
        amr=session.amr,
    )


def key_message(standing: KeyStanding) -> KeyMessage:
    """Write a signing key, without its private part."""
    message = KeyMessage(
        key_id=standing.key.key_id,
        algorithm=standing.key.algorithm,
        state=_KEY_STATES[standing.state],
        create_time=timestamp(standing.key.create_time),
        activate_time=timestamp(standing.key.activate_time),
    )
    if standing.expire_time is not None:
        message.expire_time.CopyFrom(timestamp(standing.expire_time))
    return message


def service_account_message(account: ServiceAccount) -> ServiceAccountMessage:
    """Write a service account."""
    return ServiceAccountMessage(
        service_account_id=account.service_account_id,
        name=account.name,
        state=_SERVICE_ACCOUNT_STATES[account.state],
        scopes=account.scopes,
        methods=account.methods,
        audiences=account.audiences,
        certificate_names=account.certificate_names,
        public_keys=map(json_web_key, account.public_keys),
        create_time=timestamp(account.create_time),
        update_time=timestamp(account.update_time),
        epoch=account.epoch,
        own_audiences=account.own_audiences,
    )


def api_key_message(key: ApiKey) -> ApiKeyMessage:
    """Write an API key, without its secret."""
    message = ApiKeyMessage(
        key_id=key.key_id,
        service_account=key.service_account,
        display_name=key.display_name,
        scopes=key.scopes,
        create_time=timestamp(key.create_time),
    )
    for name in ("expire_time", "revoke_time", "last_use_time"):
        moment = getattr(key, name)
        if moment is not None:
            getattr(message, name).CopyFrom(timestamp(moment))
    return message


def json_web_key(jwk: Mapping[str, str]) -> JsonWebKey:
    """Write a public key."""
    return JsonWebKey(**jwk)


def revocation_message(revocation: Revocation) -> RevocationMessage:
    """Write a revocation, as far as verifiers must know it."""
    return RevocationMessage(
        kind=_REVOCATION_KINDS[revocation.kind],
        subject=revocation.subject,
        epoch=revocation.epoch,
        forget_time=timestamp(revocation.remember_until),
    )


def event_message(kept: KeptEvent) -> EventMessage:
    """Write an event."""
    event = kept.event
    succeeded = EventOutcome.EVENT_OUTCOME_SUCCESS
    return EventMessage(
        event_id=kept.event_id,
        sequence=kept.sequence,
        create_time=timestamp(kept.create_time),
        type=event.type,
        actor=event.actor,
        subject=event.subject,
        session_id=event.session_id,
        outcome=succeeded if event.succeeded else EventOutcome.EVENT_OUTCOME_FAILURE,
        reason=event.reason,
        peer_address=event.peer,
        correlation_id=event.correlation_id,
        traceparent=event.traceparent,
    )

"""The ceremonies of WebAuthn: what an authenticator is asked, and what its answer is worth.

fido2 reads JSON, CBOR and COSE and goes through the steps of WebAuthn Level 3, 7.1 and 7.2; what it
leaves to the relying party is checked here. Loading it costs memory and time, which is for those
alone who have passkeys.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, NoReturn, TypeVar, cast

from cryptography.exceptions import InvalidSignature
from fido2 import cbor
from fido2.cose import CoseKey
from fido2.server import Fido2Server
from fido2.webauthn import (
    AttestationConveyancePreference,
    AttestedCredentialData,
    AuthenticationResponse,
    AuthenticatorData,
    AuthenticatorTransport,
    CollectedClientData,
    PublicKeyCredentialDescriptor,
    PublicKeyCredentialParameters,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialType,
    PublicKeyCredentialUserEntity,
    RegistrationResponse,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from authsvc.domain.passkeys import (
    MAX_CREDENTIAL_ID_BYTES,
    Assertion,
    NewCredential,
    Passkey,
    PasskeyUser,
    ProvenUse,
)
from authsvc.errors import InvalidFactor

_KEY_TYPES = {-8: 1, -7: 2, -257: 3}
"""EdDSA, ES256, RS256 in the order of preference, each with the key type that it goes with."""

_RS256 = -257
_MODULUS_BYTES = range(256, 513)
"""2048 bits at least (NIST SP 800-131A), and no more than anybody uses: checking costs time."""

_KNOWN_TRANSPORTS = frozenset(transport.value for transport in AuthenticatorTransport)
_REQUIRED = UserVerificationRequirement.REQUIRED

_Response = TypeVar("_Response", RegistrationResponse, AuthenticationResponse)


class Fido2RelyingParty:
    """A `RelyingParty`, known to authenticators by its id and to browsers by its origins."""

    def __init__(
        self, *, rp_id: str, name: str, origins: Sequence[str], time_to_answer: timedelta
    ) -> None:
        self._origins = frozenset(origins)
        self._server = Fido2Server(
            PublicKeyCredentialRpEntity(id=rp_id, name=name),
            attestation=AttestationConveyancePreference.NONE,
            verify_origin=lambda origin: origin in self._origins,
        )
        self._server.allowed_algorithms = [
            PublicKeyCredentialParameters(type=PublicKeyCredentialType.PUBLIC_KEY, alg=algorithm)
            for algorithm in _KEY_TYPES
        ]
        milliseconds = time_to_answer // timedelta(milliseconds=1)
        self._server.timeout = milliseconds  # type: ignore[assignment]  # fido2 says None

    def creation_options(
        self, challenge: bytes, user: PasskeyUser, *, existing: Sequence[Passkey]
    ) -> str:
        """Give the options of a creation; see `RelyingParty`."""
        options, _ = self._server.register_begin(
            PublicKeyCredentialUserEntity(
                id=user.user_handle, name=user.username, display_name=user.username
            ),
            credentials=_descriptors(existing),
            resident_key_requirement=ResidentKeyRequirement.REQUIRED,
            user_verification=_REQUIRED,
            challenge=challenge,
        )
        return _to_json(options.public_key)

    def request_options(self, challenge: bytes, *, allowed: Sequence[Passkey] = ()) -> str:
        """Give the options of a request; see `RelyingParty`."""
        options, _ = self._server.authenticate_begin(
            credentials=_descriptors(allowed) or None,
            user_verification=_REQUIRED,
            challenge=challenge,
        )
        return _to_json(options.public_key)

    def verify_creation(self, answer: str, *, challenge: bytes) -> NewCredential:
        """Accept a new credential; see `RelyingParty`."""
        document, response = _read(answer, RegistrationResponse)
        with _refusing_what_is_wrong():
            state = self._state(challenge)
            data = self._server.register_complete(state, response)
            _check_context(response.response.client_data, data)
            made = data.credential_data
            if made is None or made.credential_id != response.raw_id:
                _refuse("the credential is not the one that was made")
            if not 1 <= len(made.credential_id) <= MAX_CREDENTIAL_ID_BYTES:
                _refuse("the credential id is too long or empty")
            _check_key(made.public_key)
            return NewCredential(
                credential_id=made.credential_id,
                public_key=cbor.encode(made.public_key),
                sign_count=data.counter,
                aaguid=bytes(made.aaguid),
                transports=_transports(document),
                backup_eligible=data.is_backup_eligible(),
                backed_up=data.is_backed_up(),
            )

    def read_assertion(self, answer: str) -> Assertion:
        """Read an assertion; see `RelyingParty`."""
        _, response = _read(answer, AuthenticationResponse)
        return Assertion(
            credential_id=response.raw_id,
            user_handle=response.response.user_handle,
            answer=answer,
        )

    def verify_assertion(
        self, assertion: Assertion, passkey: Passkey, *, challenge: bytes
    ) -> ProvenUse:
        """Accept an assertion; see `RelyingParty`."""
        _, response = _read(assertion.answer, AuthenticationResponse)
        if assertion.user_handle not in (None, passkey.user_handle):
            _refuse("the user handle is another account's")
        public_key = CoseKey.parse(cast(Mapping[int, Any], cbor.decode(passkey.public_key)))
        known = AttestedCredentialData.create(passkey.aaguid, passkey.credential_id, public_key)
        with _refusing_what_is_wrong():
            state = self._state(challenge)
            self._server.authenticate_complete(state, [known], response)
            data = response.response.authenticator_data
            _check_context(response.response.client_data, data)
            if data.is_backup_eligible() != passkey.backup_eligible:
                _refuse("the backup eligibility has changed")
            return ProvenUse(sign_count=data.counter, backed_up=data.is_backed_up())

    def _state(self, challenge: bytes) -> object:
        """Give what fido2 would have kept since it asked; it is the same for both ceremonies."""
        _, state = self._server.authenticate_begin(user_verification=_REQUIRED, challenge=challenge)
        return state


def _read(answer: str, kind: type[_Response]) -> tuple[dict[str, Any], _Response]:
    with _refusing_what_is_wrong():
        document = json.loads(answer)
        if document["type"] != PublicKeyCredentialType.PUBLIC_KEY.value:
            _refuse("it is no public key credential")
        return document, kind.from_dict(document)


def _check_context(client_data: CollectedClientData, data: AuthenticatorData) -> None:
    """Check what fido2 does not of the circumstances of either ceremony."""
    if client_data.cross_origin is not False:
        _refuse("it was made inside another site's page")
    if data.is_backed_up() and not data.is_backup_eligible():
        _refuse("it is backed up though not eligible")


def _check_key(key: CoseKey) -> None:
    algorithm: int = key[3]
    if key[1] != _KEY_TYPES.get(algorithm):
        _refuse("the key's algorithm was not offered")
    if algorithm == _RS256 and len(key[-1].lstrip(b"\0")) not in _MODULUS_BYTES:
        _refuse("the RSA key is too short or too long")
    with suppress(InvalidSignature):  # what a key that can be used says of a bad signature
        key.verify(b"", b"")


def _transports(document: dict[str, Any]) -> tuple[str, ...]:
    named = document["response"].get("transports") or []
    return tuple(sorted(_KNOWN_TRANSPORTS.intersection(named)))


def _descriptors(passkeys: Sequence[Passkey]) -> list[PublicKeyCredentialDescriptor]:
    return [
        PublicKeyCredentialDescriptor(
            type=PublicKeyCredentialType.PUBLIC_KEY,
            id=passkey.credential_id,
            transports=[AuthenticatorTransport(name) for name in passkey.transports],
        )
        for passkey in passkeys
    ]


def _to_json(options: Mapping[str, Any]) -> str:
    return json.dumps(dict(options), separators=(",", ":"))


@contextmanager
def _refusing_what_is_wrong() -> Iterator[None]:
    """Turn whatever is raised into a refusal: of hostile input the library promises no class."""
    try:
        yield
    except InvalidFactor:
        raise
    except Exception as error:  # noqa: BLE001 - see above; no store is asked in here
        # The sentences of fido2 are constant; other errors may quote what was sent.
        reason = str(error) if type(error) is ValueError else "malformed"
        raise InvalidFactor(reason) from None


def _refuse(reason: str) -> NoReturn:
    raise InvalidFactor(reason)

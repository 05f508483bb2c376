"""What is accepted of an authenticator and what is not: every step of WebAuthn Level 3, 7.1 and 7.2."""

import json
import secrets
import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from authsvc.domain.ceremonies import Fido2RelyingParty
from authsvc.domain.challenges import CHALLENGE_LIFETIME
from authsvc.domain.identifiers import new_account_id, new_factor_id
from authsvc.domain.passkeys import Passkey, PasskeyUser
from authsvc.errors import InvalidFactor
from tests.authenticator import (
    AT,
    BE,
    BS,
    ED,
    ORIGIN,
    RP_ID,
    UP,
    UV,
    Authenticator,
    Twist,
    b64,
    cbor,
    unb64,
)

ALGORITHMS = [-7, -8, -257]
CHALLENGE = secrets.token_bytes(32)
HANDLE = secrets.token_bytes(32)
USER = PasskeyUser(user_handle=HANDLE, username="alice")
PARTY = Fido2RelyingParty(
    rp_id=RP_ID, name="Example", origins=[ORIGIN], time_to_answer=CHALLENGE_LIFETIME
)
CREATION = PARTY.creation_options(CHALLENGE, USER, existing=())
REQUEST = PARTY.request_options(CHALLENGE)

WRONG_IN_BOTH = {
    "another origin": Twist(origin="https://login.example.test.evil.test"),
    "a sibling's origin": Twist(origin="https://other.example.test"),
    "the origin in the clear": Twist(origin="http://login.example.test"),
    "the origin with a port": Twist(origin=ORIGIN + ":8443"),
    "the origin with a slash": Twist(origin=ORIGIN + "/"),
    "no origin": Twist(client_data={"origin": None}),
    "a list of origins": Twist(client_data={"origin": [ORIGIN]}),
    "another party": Twist(rp_id="example.test"),
    "another challenge": Twist(challenge=secrets.token_bytes(32)),
    "the beginning of the challenge": Twist(challenge=CHALLENGE[:31]),
    "more than the challenge": Twist(challenge=CHALLENGE + b"\0"),
    "no challenge": Twist(client_data={"challenge": ""}),
    "a challenge that is no text": Twist(client_data={"challenge": 1}),
    "the other ceremony": Twist(kind="webauthn.other"),
    "a page within another site's": Twist(client_data={"crossOrigin": True}),
    "a page within who knows what": Twist(client_data={"crossOrigin": "false"}),
    "nobody present": Twist(flags_off=UP),
    "nobody verified": Twist(flags_off=UV),
    "neither": Twist(flags_off=UP | UV),
    "backed up though not eligible": Twist(flags_on=BS),
    "extensions that are not there": Twist(flags_on=ED),
}


def passkey_of(authenticator: Authenticator) -> Passkey:
    """Enrol a new passkey of the authenticator."""
    made = PARTY.verify_creation(authenticator.create(CREATION), challenge=CHALLENGE)
    return Passkey(
        factor_id=new_factor_id(),
        account_id=new_account_id(),
        credential_id=made.credential_id,
        user_handle=HANDLE,
        public_key=made.public_key,
        sign_count=made.sign_count,
        aaguid=made.aaguid,
        transports=made.transports,
        backup_eligible=made.backup_eligible,
        backed_up=made.backed_up,
    )


def use(answer: str, passkey: Passkey, challenge: bytes = CHALLENGE) -> Any:
    """Judge an assertion."""
    return PARTY.verify_assertion(PARTY.read_assertion(answer), passkey, challenge=challenge)


def reason(call: Callable[[], object]) -> str:
    with pytest.raises(InvalidFactor) as caught:
        call()
    return str(caught.value)


def test_browsers_are_asked_in_the_form_that_they_read() -> None:
    creation, request = json.loads(CREATION), json.loads(REQUEST)
    assert unb64(creation["challenge"]) == unb64(request["challenge"]) == CHALLENGE
    assert creation["rp"] == {"id": RP_ID, "name": "Example"}
    assert unb64(creation["user"]["id"]) == HANDLE
    assert [one["alg"] for one in creation["pubKeyCredParams"]] == [-8, -7, -257]
    assert creation["authenticatorSelection"]["residentKey"] == "required"
    assert creation["authenticatorSelection"]["userVerification"] == "required"
    assert creation["attestation"] == "none"
    assert request["userVerification"] == "required"
    assert request["rpId"] == RP_ID
    assert "allowCredentials" not in request
    assert creation["timeout"] == request["timeout"] == 300_000


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("synced", [False, True])
def test_an_honest_authenticator_is_accepted(algorithm: int, *, synced: bool) -> None:
    authenticator = Authenticator(algorithm, synced=synced)
    passkey = passkey_of(authenticator)
    assert passkey.public_key == cbor(authenticator.credentials[0].cose())
    assert (passkey.backup_eligible, passkey.backed_up) == (synced, synced)
    assert passkey.transports == ("hybrid", "internal")

    assert use(authenticator.get(REQUEST), passkey).sign_count == 2
    allowed = PARTY.request_options(CHALLENGE, allowed=[passkey])
    assert use(authenticator.get(allowed), passkey).sign_count == 3
    again = PARTY.creation_options(CHALLENGE, USER, existing=[passkey])
    with pytest.raises(AssertionError):  # it holds one already, and does as it is told
        authenticator.create(again)


@pytest.mark.parametrize("twist", WRONG_IN_BOTH.values(), ids=WRONG_IN_BOTH)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_is_wrong_is_refused_in_both_ceremonies(algorithm: int, twist: Twist) -> None:
    authenticator = Authenticator(algorithm)
    passkey = passkey_of(authenticator)
    assert reason(lambda: use(authenticator.get(REQUEST, twist), passkey))
    answer = Authenticator(algorithm).create(CREATION, twist)
    assert reason(lambda: PARTY.verify_creation(answer, challenge=CHALLENGE))


def test_one_ceremony_does_not_stand_for_the_other() -> None:
    authenticator = Authenticator()
    passkey = passkey_of(authenticator)
    answer = authenticator.get(REQUEST, Twist(kind="webauthn.create"))
    assert reason(lambda: use(answer, passkey)) == "Incorrect type in CollectedClientData."
    answer = Authenticator().create(CREATION, Twist(kind="webauthn.get"))
    assert reason(lambda: PARTY.verify_creation(answer, challenge=CHALLENGE))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_signature_of_anything_else_is_refused(algorithm: int) -> None:
    authenticator = Authenticator(algorithm)
    passkey, other = passkey_of(authenticator), passkey_of(Authenticator(-7))
    answer = authenticator.get(REQUEST)
    signed = json.loads(answer)["response"]

    def with_response(**changes: str) -> str:
        return json.dumps({**json.loads(answer), "response": {**signed, **changes}})

    data = bytearray(unb64(signed["authenticatorData"]))
    data[-1] ^= 1
    assert reason(lambda: use(authenticator.get(REQUEST, Twist(flip_signature=True)), passkey))
    assert reason(lambda: use(with_response(authenticatorData=b64(data)), passkey))
    assert reason(lambda: use(with_response(signature=""), passkey))
    assert reason(lambda: use(with_response(signature=b64(bytes(64))), passkey))
    client_data = unb64(signed["clientDataJSON"]) + b" "
    assert reason(lambda: use(with_response(clientDataJSON=b64(client_data)), passkey))
    assert reason(lambda: use(answer, replace(passkey, public_key=other.public_key)))
    assert reason(lambda: use(answer, passkey, secrets.token_bytes(32)))
    assert use(answer, passkey)


def test_a_passkey_does_not_answer_for_another() -> None:
    authenticator = Authenticator()
    passkey, other = passkey_of(authenticator), passkey_of(Authenticator())
    answer = authenticator.get(REQUEST)
    assert reason(lambda: use(answer, other))
    assert reason(lambda: use(answer, replace(passkey, user_handle=secrets.token_bytes(32))))
    assert reason(lambda: use(authenticator.get(REQUEST, Twist(user_handle=b"x")), passkey))


def test_what_was_fixed_at_the_enrolment_does_not_change() -> None:
    authenticator = Authenticator()
    passkey = passkey_of(authenticator)
    answer = authenticator.get(REQUEST, Twist(flags_on=BE))
    assert reason(lambda: use(answer, passkey)) == "the backup eligibility has changed"


@pytest.mark.parametrize(
    "key",
    [
        {3: -35},  # ES384, which was not offered
        {3: 0},
        {3: "ES256"},
        {3: [-7]},
        {1: 3},  # not the type of the algorithm
        {-1: 2},  # another curve
        {-2: bytes(32)},  # no point of the curve
        {-2: b""},
        {-3: 1},
    ],
    ids=str,
)
def test_a_key_that_can_not_be_used_is_not_enrolled(key: dict[int, Any]) -> None:
    answer = Authenticator().create(CREATION, Twist(key=key))
    assert reason(lambda: PARTY.verify_creation(answer, challenge=CHALLENGE))


@pytest.mark.parametrize("modulus", [b"\xff" * 128, b"\0" * 200 + b"\xff" * 128, b"\xff" * 1024])
def test_an_rsa_key_of_odd_size_is_not_enrolled(modulus: bytes) -> None:
    answer = Authenticator(-257).create(CREATION, Twist(key={-1: modulus}))
    refused = reason(lambda: PARTY.verify_creation(answer, challenge=CHALLENGE))
    assert refused == "the RSA key is too short or too long"


def _attested(size: int) -> bytes:
    point = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    key = {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32), -3: point.y.to_bytes(32)}
    return bytes(16) + struct.pack(">H", size) + bytes(size) + cbor(key)


@pytest.mark.parametrize("size", [0, 32, 1023, 1024, 4000])
def test_a_credential_is_the_one_that_is_named_and_of_bounded_name(size: int) -> None:
    answer = json.loads(Authenticator().create(CREATION, Twist(attested=_attested(size))))
    assert reason(lambda: PARTY.verify_creation(json.dumps(answer), challenge=CHALLENGE))
    answer["id"] = answer["rawId"] = b64(bytes(size))
    if size in {32, 1023}:
        PARTY.verify_creation(json.dumps(answer), challenge=CHALLENGE)
        return
    assert reason(lambda: PARTY.verify_creation(json.dumps(answer), challenge=CHALLENGE))


def test_an_attestation_without_a_credential_is_refused() -> None:
    answer = Authenticator().create(CREATION, Twist(flags_off=AT, attested=b""))
    assert reason(lambda: PARTY.verify_creation(answer, challenge=CHALLENGE))


def test_transports_that_nobody_knows_are_not_kept() -> None:
    answer = json.loads(Authenticator().create(CREATION))
    answer["response"]["transports"] = ["usb", "telepathy", "usb", "nfc"]
    made = PARTY.verify_creation(json.dumps(answer), challenge=CHALLENGE)
    assert made.transports == ("nfc", "usb")
    for odd in ("usb", {"usb": 1}, 7, [["usb"]], [None], None):
        answer["response"]["transports"] = odd
        try:
            made = PARTY.verify_creation(json.dumps(answer), challenge=CHALLENGE)
        except InvalidFactor:
            continue
        assert set(made.transports) <= {"usb"}


HOSTILE_TEXTS = {
    "nothing": "",
    "null": "null",
    "a list": "[]",
    "a number": "1" * 5000,
    "not a number": "NaN",
    "deep lists": "[" * 8000,
    "deep objects": '{"type":' * 2000,
    "a lone surrogate": '{"type":"public-key","id":"\\ud800","rawId":"\\ud800"}',
    "no members": '{"type":"public-key"}',
    "members of wrong types": '{"type":"public-key","id":1,"rawId":1,"response":[]}',
    "another type": '{"type":"password"}',
}


@pytest.mark.parametrize("text", HOSTILE_TEXTS.values(), ids=HOSTILE_TEXTS)
def test_hostile_json_is_refused(text: str) -> None:
    assert reason(lambda: PARTY.read_assertion(text))
    assert reason(lambda: PARTY.verify_creation(text, challenge=CHALLENGE))


HOSTILE_CBOR = {
    "nothing": b"",
    "deep lists": b"\x81" * 8000,
    "deep maps": b"\xa1\x01" * 4000,
    "a list of 2^64 - 1": b"\x9b" + b"\xff" * 8,
    "bytes of 2^64 - 1": b"\x5b" + b"\xff" * 8 + b"x",
    "an indefinite map": b"\xbf\x63fmt\x64none\xff",
    "a list as a key": b"\xa1\x81\x01\x01",
    "text that is no UTF-8": b"\xa1\x63f\xff\xfe\x01",
    "a tag": b"\xc0\x60",
    "a double": b"\xfb" + bytes(8),
    "more than one thing": cbor({"fmt": "none", "attStmt": {}, "authData": b""}) + b"\0",
    "data that is a number": cbor({"fmt": "none", "attStmt": {}, "authData": 7}),
    "short data": cbor({"fmt": "none", "attStmt": {}, "authData": bytes(36)}),
}


@pytest.mark.parametrize("raw", HOSTILE_CBOR.values(), ids=HOSTILE_CBOR)
def test_hostile_cbor_is_refused(raw: bytes) -> None:
    answer = json.loads(Authenticator().create(CREATION))
    answer["response"]["attestationObject"] = b64(raw)
    assert reason(lambda: PARTY.verify_creation(json.dumps(answer), challenge=CHALLENGE))


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=20)
    | st.binary(max_size=20).map(b64),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
_HONEST = Authenticator()
_PASSKEY = passkey_of(_HONEST)
_ANSWERS = (json.loads(_HONEST.get(REQUEST)), json.loads(Authenticator().create(CREATION)))
_SIGNED = {"clientDataJSON", "authenticatorData", "signature", "userHandle", "attestationObject"}


@given(st.data())
def test_no_other_value_of_a_signed_member_is_accepted_and_none_is_a_fault(data: Any) -> None:
    answer = data.draw(st.sampled_from(_ANSWERS))
    name = data.draw(st.sampled_from(sorted(_SIGNED & set(answer["response"]))))
    value = data.draw(VALUES)
    text = json.dumps({**answer, "response": {**answer["response"], name: value}})
    if name == "userHandle" and value is None:
        return
    assert reason(lambda: _judge(text))


@given(st.data())
def test_no_change_of_a_byte_is_accepted_and_none_is_a_fault(data: Any) -> None:
    answer = data.draw(st.sampled_from(_ANSWERS))
    name = data.draw(st.sampled_from(sorted(_SIGNED & set(answer["response"]))))
    raw = bytearray(unb64(answer["response"][name]))
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    text = json.dumps({**answer, "response": {**answer["response"], name: b64(raw)}})
    try:
        _judge(text)
    except InvalidFactor:
        return
    # An attestation of the kind "none" is not signed: what is not checked there is the key itself.
    assert "attestationObject" in answer["response"]


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")))
def test_no_text_is_a_fault(text: str) -> None:
    assert reason(lambda: _judge(text))


def _judge(text: str) -> None:
    if "attestationObject" in text:
        PARTY.verify_creation(text, challenge=CHALLENGE)
    else:
        use(text, _PASSKEY)

"""Whatever stands in a field of a request, the answer is one that the contract declares."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from authn.v1.account_service_pb2 import CreateAccountRequest, GetAccountRequest
from authn.v1.auth_service_pb2 import LoginRequest
from authn.v1.error_reason_pb2 import ErrorReason
from authn.v1.session_service_pb2 import GetSessionRequest
from authn.v1.token_service_pb2 import VerifyTokenRequest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from tests.service import PASSWORD, Service, bearer, running
from tests.stores.hot.servers import valkey
from tests.transport.calls import (
    METHODS,
    NO_ACCOUNT,
    NO_API_KEY,
    NO_FACTOR,
    NO_KEY,
    NO_SERVICE,
    NO_SESSION,
    outcome,
    refusal_of,
    request_of,
    send,
)
from tests.transport.naughty_strings import NAUGHTY

HOSTILE = ("a" * 65_536, "\0", "\0" * 1000, *NAUGHTY)
DECLARED = {
    name.removeprefix("ERROR_REASON_") for name in ErrorReason.DESCRIPTOR.values_by_name
} - {
    *("UNSPECIFIED", "INTERNAL", "UNIMPLEMENTED"),
    *("STORE_UNAVAILABLE", "OVERLOADED", "DEADLINE_EXCEEDED"),  # nothing is wrong with the service
}

Path_ = tuple[FieldDescriptor, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """A string field of a request, maybe of a message in it."""

    method: str
    path: Path_

    def __str__(self) -> str:
        return f"{self.method}.{self.name}"

    @property
    def name(self) -> str:
        """As BadRequest names it."""
        return ".".join(step.name for step in self.path)

    def put(self, request: Message, text: str) -> None:
        """Set the field."""
        *steps, last = self.path
        for step in steps:
            inner = getattr(request, step.name)
            request = inner.add() if step.is_repeated else inner
        if last.is_repeated:
            del getattr(request, last.name)[:]
            getattr(request, last.name).append(text)
        else:
            setattr(request, last.name, text)

    def append_raw(self, request: Message, raw: bytes) -> bytes:
        """Write the request with the field's bytes at its end, whatever they are."""
        for step in reversed(self.path):
            raw = bytes([step.number << 3 | 2, len(raw)]) + raw
        return request.SerializeToString() + raw


def string_fields(message: Descriptor, path: Path_ = ()) -> Iterator[Path_]:
    for field in message.fields:
        if field.type == FieldDescriptor.TYPE_STRING:
            yield (*path, field)
        elif field.type == FieldDescriptor.TYPE_MESSAGE:
            yield from string_fields(field.message_type, (*path, field))


FIELDS = [
    Field(name, path)
    for name, method in METHODS.items()
    for path in string_fields(method.input_type)
]
_number = itertools.count()


def good_request(name: str) -> Message:
    """A request that keeps all rules; the names in it are new each time."""
    unique = f"f{next(_number)}"
    fields = {
        "Register": {"username": unique, "password": PASSWORD},
        "Login": {"identifier": unique, "password": PASSWORD},
        "CompleteMfa": {"challenge_token": "x", "totp_code": "000000"},
        "FinishPasskeyLogin": {"challenge_token": "x", "passkey_assertion": "{}"},
        "StartPasswordReset": {"email": f"{unique}@fields.test"},
        "CompletePasswordReset": {"code": "x", "new_password": PASSWORD},
        "StartVerification": {"account_id": NO_ACCOUNT, "email": f"{unique}@fields.test"},
        "CompleteVerification": {"account_id": NO_ACCOUNT, "code": "x"},
        "VerifyTokens": {"access_tokens": ["x"]},
        "CreateAccount": {"username": unique},
        "UpdateAccount": {"account_id": NO_ACCOUNT, "update_mask": {"paths": ["roles"]}},
        "ChangePassword": {"current_password": "x", "new_password": PASSWORD},
        "GetSession": {"session_id": NO_SESSION},
        "RevokeSession": {"session_id": NO_SESSION},
        "RevokeAllSessions": {"account_id": NO_ACCOUNT},
        "RevokeKey": {"key_id": NO_KEY},
        "EnrollTotp": {"display_name": "x"},
        "ConfirmTotp": {"factor_id": NO_FACTOR, "totp_code": "000000"},
        "StartPasskeyEnrollment": {"display_name": "x"},
        "FinishPasskeyEnrollment": {"challenge_token": "x", "credential": "{}"},
        "DeleteFactor": {"factor_id": NO_FACTOR},
        "ResetFactors": {"account_id": NO_ACCOUNT},
        "DisableAccount": {"account_id": NO_ACCOUNT},
        "EnableAccount": {"account_id": NO_ACCOUNT},
        "DeleteAccount": {"account_id": NO_ACCOUNT},
        "CreateServiceAccount": {"name": unique},
        "GetServiceAccount": {"name": NO_SERVICE},
        "UpdateServiceAccount": {"name": NO_SERVICE, "update_mask": {"paths": ["scopes"]}},
        "DisableServiceAccount": {"name": NO_SERVICE},
        "EnableServiceAccount": {"name": NO_SERVICE},
        "DeleteServiceAccount": {"name": NO_SERVICE},
        "CreateApiKey": {"service_account": NO_SERVICE, "ttl": {"seconds": 1}},
        "ListApiKeys": {"service_account": NO_SERVICE},
        "RevokeApiKey": {"key_id": NO_API_KEY},
    }
    return request_of(name, **fields.get(name, {}))


@pytest.fixture(name="worn", scope="session")
def _worn(transport: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service of these tests' own: its throttles are used up here."""
    data = Path(tmp_path_factory.mktemp("worn"))
    with valkey() as server, running(data=data, redis_url=server.url) as service:
        yield service


@pytest.fixture(name="own")
def _own(worn: Service) -> tuple[tuple[str, str], ...]:
    """An account of the test's own, logged in."""
    new = request_of("CreateAccount", username=f"own{next(_number)}", password=PASSWORD)
    account = worn.account.CreateAccount(new).account
    return bearer(worn.login(account.username).access_token)


def test_the_walk_finds_every_kind_of_field() -> None:
    names = {str(field) for field in FIELDS}
    assert len(names) > 40
    expected = {"Login.client.user_agent", "Register.scopes", "UpdateAccount.update_mask.paths"}
    assert expected <= names


@pytest.mark.parametrize("field", FIELDS, ids=str)
def test_no_text_in_any_field_is_more_than_the_contract_foresees(
    field: Field, worn: Service, own: tuple[tuple[str, str], ...]
) -> None:
    for text in HOSTILE:
        request = good_request(field.method)
        field.put(request, text)
        try:
            send(worn.channel, field.method, request, metadata=own)
        except grpc.RpcError as error:
            refusal = refusal_of(error)
            assert refusal.reason in DECLARED, (text[:60], refusal)
            if refusal.reason == "INVALID_REQUEST":
                named = [f for f in refusal.fields if f.partition("[")[0] in field.name]
                assert named, (text[:60], refusal)


@pytest.mark.parametrize("field", FIELDS, ids=str)
@pytest.mark.parametrize(
    "raw", [b"\xff\xfe", b"\xc0\x80", b"\xed\xa0\x80", b"a\x80", b"\xf4\x90\x80\x80"]
)
def test_bytes_that_are_no_text_in_any_field_are_an_invalid_argument(
    field: Field, raw: bytes, worn: Service, own: tuple[tuple[str, str], ...]
) -> None:
    data = field.append_raw(good_request(field.method), raw)
    answer = outcome(lambda: send(worn.channel, field.method, data, metadata=own))
    assert answer == "INVALID_REQUEST"


@pytest.mark.parametrize("letters", ["A" * 42 + "B", "_" * 43])
@pytest.mark.parametrize(
    ("name", "field", "length"),
    [
        ("GetSession", "session_id", 22),
        ("RevokeSession", "session_id", 22),
        ("RevokeAllSessions", "except_session_id", 22),
        ("RevokeKey", "key_id", 43),
    ],
)
def test_an_id_that_could_not_have_been_given_is_not_found(
    name: str, field: str, length: int, letters: str, worn: Service
) -> None:
    # The right length and letters, but no spelling that base64url gives for any bytes.
    own = bearer(worn.register().tokens.access_token)
    request = request_of(name, **{field: letters[-length:]})
    answer = outcome(lambda: send(worn.channel, name, request, metadata=own))
    assert answer in {"OK", "INVALID_REQUEST", "SESSION_NOT_FOUND", "KEY_NOT_FOUND"}


@pytest.mark.parametrize("number", [-1, -(2**31), 2**31 - 1])
@pytest.mark.parametrize("name", ["ListAccounts", "ListServiceAccounts", "ListSessions"])
def test_a_page_size_is_refused_or_bounded(
    number: int, name: str, worn: Service, own: tuple[tuple[str, str], ...]
) -> None:
    request = request_of(name, page_size=number)
    answer = outcome(lambda: send(worn.channel, name, request, metadata=own))
    assert answer == ("INVALID_REQUEST" if number < 0 else "OK")


@pytest.mark.parametrize("revision", [-1, -(2**63), 2**63 - 1])
def test_a_revision_is_refused_or_not_reached(revision: int, worn: Service) -> None:
    token = worn.register().tokens.access_token
    request = VerifyTokenRequest(access_token=token, min_revision=revision)
    answer = outcome(lambda: worn.token.VerifyToken(request))
    assert answer == ("INVALID_REQUEST" if revision < 0 else "REVISION_NOT_REACHED")


def test_what_is_kept_of_a_session_comes_back_exactly(worn: Service) -> None:
    username = worn.register().account.username
    for text in NAUGHTY:
        client = {"user_agent": text, "device_id": text[:30], "ip_address": "2001:db8::1"}
        tokens = worn.login(username, client=client)
        request = GetSessionRequest(session_id=tokens.session_id)
        session = worn.session.GetSession(request).session
        assert session.client.user_agent == text
        assert session.client.device_id == text[:30]
        assert session.client.ip_address == "2001:db8::1"


def test_what_a_token_carries_comes_back_exactly(worn: Service) -> None:
    username = worn.register().account.username
    accepted = 0
    for text in NAUGHTY:
        request = LoginRequest(identifier=username, password=PASSWORD, audience=text, scopes=[text])
        try:
            token = worn.auth.Login(request).tokens.access_token
        except grpc.RpcError as error:
            assert refusal_of(error).reason in {"INVALID_REQUEST", "INVALID_SCOPE"}
            continue
        claims = worn.token.VerifyToken(
            VerifyTokenRequest(access_token=token, audience=text)
        ).claims
        assert claims.audience == text
        assert list(claims.scopes) == [text]
        accepted += 1
    assert accepted > 20


def test_what_is_kept_of_an_account_comes_back_exactly(worn: Service) -> None:
    emails = ("o'brien+x@example.test", "`!#$%&*{}|~@x.test", "UPPER@Example.Test", "a@b")
    names = ("q", "A.b-c_d", "7", "x" * 64)
    roles = ["a", "admin", "authsvc.admin", "b:c-d_e.f", "z" * 64]
    for email, username in zip(emails, names, strict=True):
        new = CreateAccountRequest(username=username, email=email, roles=roles)
        made = worn.account.CreateAccount(new).account
        kept = worn.account.GetAccount(GetAccountRequest(account_id=made.account_id)).account
        assert (kept.username, kept.email, list(kept.roles)) == (username, email, roles)
        assert kept == made

"""What the contract itself must say of its fields and methods."""

import re
from collections.abc import Iterator

import pytest
from authn.v1.access_pb2 import AccessLevel
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from tests.transport.calls import METHODS, rule

SECRET = re.compile(r"password|token|secret|code|assertion|^api_key$")
NOT_SECRET = {
    "page_token",
    "next_page_token",
    "token_type",
    "issued_token_type",
    "token_id",
    "tokens",
}
STRING = FieldDescriptor.TYPE_STRING


def messages() -> dict[str, Descriptor]:
    """Every message that a method takes or gives, and the messages in them."""
    found: dict[str, Descriptor] = {}

    def add(message: Descriptor) -> None:
        if message.full_name in found or not message.full_name.startswith("authn."):
            return
        found[message.full_name] = message
        for field in message.fields:
            if field.message_type is not None:
                add(field.message_type)

    for method in METHODS.values():
        add(method.input_type)
        add(method.output_type)
    return found


def secret_fields() -> Iterator[FieldDescriptor]:
    for message in messages().values():
        for field in message.fields:
            is_text = field.type in {STRING, FieldDescriptor.TYPE_BYTES}
            if is_text and SECRET.search(field.name) and field.name not in NOT_SECRET:
                yield field


def test_the_walk_finds_the_secrets() -> None:
    names = {field.full_name for field in secret_fields()}
    assert len(names) >= 15
    assert {"authn.v1.LoginRequest.password", "authn.v1.TokenSet.refresh_token"} <= names
    assert {"authn.v1.VerifyTokensRequest.access_tokens"} <= names


@pytest.mark.parametrize("field", list(secret_fields()), ids=lambda field: field.full_name)
def test_p_obs_1_every_secret_field_is_marked(field: FieldDescriptor) -> None:
    assert field.GetOptions().debug_redact


@pytest.mark.parametrize("name", sorted(METHODS))
def test_p_int_1_a_scope_is_reserved_and_named_where_one_is_needed(name: str) -> None:
    option = rule(METHODS[name])
    needs = option.level in {AccessLevel.ACCESS_LEVEL_SERVICE, AccessLevel.ACCESS_LEVEL_ADMIN}
    assert option.level != AccessLevel.ACCESS_LEVEL_UNSPECIFIED
    assert bool(option.scope) or not needs
    assert not option.scope or option.scope.startswith("authsvc.")

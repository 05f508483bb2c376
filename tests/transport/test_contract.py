"""What the contract itself must say of its fields and methods."""

import re
from collections.abc import Iterator

import pytest
from authn.v1.access_pb2 import AccessLevel
from google.api.annotations_pb2 import http
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions

from tests.transport.calls import METHODS, rule

IN_PATH = re.compile(r"\{(\w+)\}")
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


def bindings(method: MethodDescriptor) -> Iterator[tuple[str, str, str]]:
    """Verb, path and body of each way to call a method as JSON over HTTP."""
    rule = method.GetOptions().Extensions[http]
    for binding in (rule, *rule.additional_bindings):
        verb = binding.WhichOneof("pattern")
        if verb:
            yield verb, getattr(binding, verb), binding.body


def is_unary(method: MethodDescriptor) -> bool:
    return not (method.client_streaming or method.server_streaming)


@pytest.mark.parametrize("name", sorted(name for name, m in METHODS.items() if is_unary(m)))
def test_every_unary_method_can_be_called_as_json_without_a_secret_in_its_url(name: str) -> None:
    method = METHODS[name]
    found = list(bindings(method))
    assert found
    for verb, path, body in found:
        fields = dict(method.input_type.fields_by_name)
        in_path = set(IN_PATH.findall(path))
        in_url = in_path if body == "*" else fields.keys()
        assert path.startswith("/v1/")
        assert in_path <= fields.keys()
        assert (body == "*") == (verb in {"post", "patch"})
        assert not [field for field in in_url if fields[field].GetOptions().debug_redact]


def test_only_what_changes_nothing_is_called_by_get() -> None:
    for name, method in METHODS.items():
        is_safe = method.GetOptions().idempotency_level == MethodOptions.NO_SIDE_EFFECTS
        assert is_safe or "get" not in {verb for verb, _, _ in bindings(method)}, name


def test_no_two_methods_are_called_alike() -> None:
    ways = [
        (verb, IN_PATH.sub("{}", path))
        for method in METHODS.values()
        for verb, path, _ in bindings(method)
    ]
    assert len(ways) > 50
    assert len(set(ways)) == len(ways)

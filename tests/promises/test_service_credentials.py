"""What opens the service to a calling service is dead everywhere once its end is acknowledged."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import grpc
import pytest
from authn.v1.service_account_pb2 import ServiceAccountState
from authn.v1.service_account_service_pb2 import (
    DeleteServiceAccountRequest,
    DisableServiceAccountRequest,
    EnableServiceAccountRequest,
    ListApiKeysRequest,
    RevokeApiKeyRequest,
    UpdateServiceAccountRequest,
)
from authn.v1.token_service_pb2 import (
    GetJwksRequest,
    IntrospectTokenRequest,
    VerifyTokenRequest,
)
from google.protobuf.field_mask_pb2 import FieldMask
from sqlalchemy import text

from authsvc.stores.sql.engine import connect
from tests.callers import Caller, add_key, make_caller, service_token
from tests.porch.processes import eventually
from tests.promises.asking import Pair, events, verify_refusal
from tests.service import Service, bearer, reason
from tests.stores.hot.servers import Server

INTROSPECT = "authsvc.tokens.introspect"
End = Callable[[Service, Caller], int]


def refusal(service: Service, metadata: tuple[tuple[str, str], ...]) -> str:
    """Give the reason for which a call with these credentials is refused; "" if it is not."""
    try:
        service.token.GetJwks(GetJwksRequest(), metadata=metadata)
    except grpc.RpcError as error:
        return reason(error)
    return ""


def _revoke_key(service: Service, caller: Caller) -> int:
    request = RevokeApiKeyRequest(key_id=caller.key_id)
    return service.service_account.RevokeApiKey(request).revision


def _disable(service: Service, caller: Caller) -> int:
    request = DisableServiceAccountRequest(name=caller.name)
    return service.service_account.DisableServiceAccount(request).revision


def _delete(service: Service, caller: Caller) -> int:
    request = DeleteServiceAccountRequest(name=caller.name)
    return service.service_account.DeleteServiceAccount(request).revision


each_end = pytest.mark.parametrize("end", [_revoke_key, _disable, _delete])


@each_end
def test_p_int_1_an_ended_key_and_its_tokens_are_refused_by_every_worker_at_once(
    pair: Pair, end: End
) -> None:
    last = 0
    for _ in range(10):
        caller = make_caller(pair.first)
        token = service_token(pair.first, caller.metadata).access_token
        assert refusal(pair.second, caller.metadata) == ""
        assert refusal(pair.first, caller.metadata) == ""
        assert refusal(pair.second, bearer(token)) == ""

        revision = end(pair.first, caller)

        for service in (pair.second, pair.first):
            assert refusal(service, caller.metadata) == "CALLER_UNAUTHENTICATED"
            assert verify_refusal(service, token) == "TOKEN_INACTIVE"
            assert refusal(service, bearer(token)) == "TOKEN_INACTIVE"
        assert revision > last
        last = revision


@each_end
def test_p_int_1_no_call_that_begins_after_the_end_of_a_key_is_admitted(
    pair: Pair, end: End
) -> None:
    """Both workers are called without pause while the key is ended."""
    caller = make_caller(pair.first)
    done, admitted = threading.Event(), []

    def call(service: Service) -> None:
        while not done.is_set():
            began = time.monotonic()
            if refusal(service, caller.metadata) == "":
                admitted.append(began)

    with ThreadPoolExecutor(4) as threads:
        calls = [threads.submit(call, pair[number % 2]) for number in range(4)]
        assert eventually(lambda: len(admitted) > 20)
        end(pair.first, caller)
        ended = time.monotonic()
        seen = [refusal(service, caller.metadata) for service in (*pair, *pair)]
        done.set()
        for one in calls:
            one.result()

    assert seen == ["CALLER_UNAUTHENTICATED"] * 4
    assert max(admitted) <= ended


def test_p_int_1_the_other_keys_and_tokens_of_a_service_outlive_one_key(pair: Pair) -> None:
    caller = make_caller(pair.first)
    other = (("x-authsvc-api-key", add_key(pair.first, caller.name).api_key),)
    token = service_token(pair.first, other).access_token

    _revoke_key(pair.first, caller)

    assert refusal(pair.second, other) == ""
    assert verify_refusal(pair.second, token) == ""


def test_p_int_1_a_right_that_is_taken_away_is_gone_at_once_everywhere(pair: Pair) -> None:
    caller = make_caller(pair.first, INTROSPECT)
    token = service_token(pair.first, caller.metadata, scopes=[INTROSPECT]).access_token
    request = IntrospectTokenRequest(token="x")
    pair.second.token.IntrospectToken(request, metadata=caller.metadata)
    pair.second.token.IntrospectToken(request, metadata=bearer(token))

    change = UpdateServiceAccountRequest(
        name=caller.name, scopes=[], update_mask=FieldMask(paths=["scopes"])
    )
    pair.first.service_account.UpdateServiceAccount(change)

    for metadata, expected in (
        (caller.metadata, "ACCESS_DENIED"),
        (bearer(token), "TOKEN_INACTIVE"),
    ):
        with pytest.raises(grpc.RpcError) as refused:
            pair.second.token.IntrospectToken(request, metadata=metadata)
        assert reason(refused.value) == expected


def test_a_service_that_is_enabled_again_may_call_and_its_tokens_stay_dead(pair: Pair) -> None:
    caller = make_caller(pair.first)
    token = service_token(pair.first, caller.metadata).access_token
    _disable(pair.first, caller)

    enabled = pair.second.service_account.EnableServiceAccount(
        EnableServiceAccountRequest(name=caller.name)
    ).service_account

    assert enabled.state == ServiceAccountState.SERVICE_ACCOUNT_STATE_ACTIVE
    assert refusal(pair.first, caller.metadata) == ""
    assert refusal(pair.second, caller.metadata) == ""
    assert verify_refusal(pair.first, token) == "TOKEN_INACTIVE"
    fresh = service_token(pair.first, caller.metadata).access_token
    assert verify_refusal(pair.second, fresh) == ""


def test_p_tok_8_who_takes_a_deleted_services_name_is_another_subject(pair: Pair) -> None:
    caller = make_caller(pair.first)
    token = service_token(pair.first, caller.metadata).access_token
    _delete(pair.first, caller)

    again = make_caller(pair.first, name=caller.name)

    assert again.subject != caller.subject
    assert verify_refusal(pair.first, token) == "TOKEN_INACTIVE"
    assert refusal(pair.second, caller.metadata) == "CALLER_UNAUTHENTICATED"
    assert refusal(pair.second, again.metadata) == ""


def test_p_flt_1_known_keys_are_answered_without_sql_and_unknown_ones_are_not_refused(
    own: Service,
) -> None:
    known, unknown = make_caller(own), make_caller(own)
    assert refusal(own, known.metadata) == ""
    engine = connect(own.app.config.sql_url())
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE api_keys RENAME TO gone"))

    assert refusal(own, known.metadata) == ""
    assert refusal(own, unknown.metadata) == "STORE_UNAVAILABLE"
    own.app.revoking.replica.lease.give_up()
    assert refusal(own, known.metadata) == "STORE_UNAVAILABLE"

    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE gone RENAME TO api_keys"))
    engine.dispose()
    assert refusal(own, known.metadata) == ""
    _revoke_key(own, known)
    assert refusal(own, known.metadata) == "CALLER_UNAUTHENTICATED"


def test_p_int_1_a_key_ends_when_it_should_also_when_it_is_known(own: Service) -> None:
    caller = make_caller(own)
    token = service_token(own, caller.metadata)
    assert refusal(own, caller.metadata) == ""

    own.clock.offset = timedelta(days=1)

    assert refusal(own, caller.metadata) == "CALLER_UNAUTHENTICATED"
    assert verify_refusal(own, token.access_token) == "TOKEN_INACTIVE"


def test_p_flt_2_what_was_ended_stays_so_though_redis_is_emptied(
    own: Service, own_redis: Server
) -> None:
    caller = make_caller(own)
    token = service_token(own, caller.metadata).access_token
    _revoke_key(own, caller)

    with own_redis.client() as client:
        client.flushall()
    own.app.revoking.replica.lease.give_up()

    assert verify_refusal(own, token) == "TOKEN_INACTIVE"
    assert refusal(own, caller.metadata) == "CALLER_UNAUTHENTICATED"


def test_p_obs_1_every_act_on_a_service_is_recorded(own: Service) -> None:
    caller = make_caller(own)
    service_token(own, caller.metadata)
    _revoke_key(own, caller)
    change = UpdateServiceAccountRequest(name=caller.name, update_mask=FieldMask(paths=["scopes"]))
    own.service_account.UpdateServiceAccount(change)
    _disable(own, caller)
    own.service_account.EnableServiceAccount(EnableServiceAccountRequest(name=caller.name))
    _delete(own, caller)

    kinds = ("created", "updated", "disabled", "enabled", "deleted")
    for kind in (*(f"service_account.{one}" for one in kinds), "api_key.created"):
        assert events(own, kind) == 1, kind
    assert events(own, "api_key.revoked") == 1
    assert events(own, "service_token.issued") == 1


def test_a_list_of_keys_tells_everything_but_the_key(pair: Pair) -> None:
    caller = make_caller(pair.first, key_scopes=["a"])
    add_key(pair.first, caller.name, display_name="für Übung", scopes=[])
    _revoke_key(pair.first, caller)

    keys = pair.second.service_account.ListApiKeys(
        ListApiKeysRequest(service_account=caller.name)
    ).keys

    assert caller.api_key not in str(keys)
    first = next(key for key in keys if key.key_id == caller.key_id)
    other = next(key for key in keys if key.key_id != caller.key_id)
    assert list(first.scopes) == ["a"]
    assert (first.HasField("revoke_time"), other.HasField("revoke_time")) == (True, False)
    assert (other.display_name, list(other.scopes)) == ("für Übung", [])
    assert other.expire_time.ToDatetime() - other.create_time.ToDatetime() == timedelta(days=1)


def test_what_a_verifier_elsewhere_is_told_of_is_of_kinds_that_it_always_knew(pair: Pair) -> None:
    """The end of a key is that of its session, the end of a service that of an account's tokens."""
    caller = make_caller(pair.first)
    token = service_token(pair.first, caller.metadata).access_token
    claims = pair.first.token.VerifyToken(VerifyTokenRequest(access_token=token)).claims

    _revoke_key(pair.first, caller)
    _disable(pair.first, caller)

    found = pair.second.app.revoking.replica.feed
    latest = [(one.kind.value, one.subject) for one in list(found._latest)[-2:]]
    assert latest == [("session", claims.session_id), ("account", claims.subject)]

"""Passkeys in the hands of those who mean no good."""

import json
import secrets
from functools import partial
from pathlib import Path

import pytest
from authn.v1.auth_service_pb2 import (
    FinishPasskeyLoginRequest,
    StartPasskeyLoginRequest,
)
from redis import Redis

from authsvc.domain.factors import FACTOR_LIMITS, FactorType
from tests.authenticator import BE, BS, RP_ID, UP, UV, Authenticator, Credential, Twist, b64, cbor
from tests.passkeys.people import Person, all_at_once
from tests.service import Service, running
from tests.stores.hot.servers import Server
from tests.transport.calls import by_key, issue_api_key, outcome, refused
from tests.transport.logged import logged

WRONG_IN_BOTH = {
    "another origin": Twist(origin="https://login.example.test.evil.test"),
    "another party": Twist(rp_id="evil.test"),
    "another challenge": Twist(challenge=secrets.token_bytes(32)),
    "the other ceremony": Twist(kind="webauthn.other"),
    "another site's page": Twist(client_data={"crossOrigin": True}),
    "nobody present": Twist(flags_off=UP),
    "nobody verified": Twist(flags_off=UV),
}
WRONG = {
    **WRONG_IN_BOTH,
    "a bad signature": Twist(flip_signature=True),
    "another account's handle": Twist(user_handle=secrets.token_bytes(32)),
    "a key that leaves its device all at once": Twist(flags_on=BE | BS),
}


@pytest.mark.parametrize("twist", WRONG.values(), ids=WRONG)
def test_what_is_wrong_opens_nothing(twist: Twist, ada: Person) -> None:
    assert outcome(lambda: ada.login(twist)) == "INVALID_FACTOR"
    assert outcome(lambda: ada.both(twist)) == "INVALID_FACTOR"
    assert ada.login()
    assert ada.both()


def test_a_login_by_passkey_alone_must_say_whose_it_is(ada: Person) -> None:
    started = ada.start_login()
    answer = json.loads(ada.authenticator.get(started.request_options))
    del answer["response"]["userHandle"]
    assert outcome(lambda: ada.finish_login(started, json.dumps(answer))) == "INVALID_FACTOR"

    challenge = ada.password()
    answer = json.loads(ada.authenticator.get(challenge.passkey_request_options))
    del answer["response"]["userHandle"]  # as some authenticators do when they were asked for it
    assert ada.second(challenge, json.dumps(answer))


def test_an_assertion_is_worth_one_session(ada: Person) -> None:
    started = ada.start_login()
    answer = ada.authenticator.get(started.request_options)
    assert ada.finish_login(started, answer)
    assert outcome(lambda: ada.finish_login(started, answer)) == "INVALID_CHALLENGE"
    assert outcome(lambda: ada.finish_login(ada.start_login(), answer)) == "INVALID_FACTOR"

    challenge = ada.password()
    second = ada.authenticator.get(challenge.passkey_request_options)
    assert ada.second(challenge, second)
    assert outcome(lambda: ada.second(challenge, second)) == "INVALID_CHALLENGE"
    assert outcome(lambda: ada.second(ada.password(), second)) == "INVALID_FACTOR"


def test_a_wrong_answer_uses_its_challenge_up(ada: Person) -> None:
    bad = Twist(flip_signature=True)
    started, challenge = ada.start_login(), ada.password()
    ask, second = started.request_options, challenge.passkey_request_options
    assert outcome(partial(ada.finish_login, started, ada.authenticator.get(ask, bad)))
    good = ada.authenticator.get(ask)
    assert outcome(lambda: ada.finish_login(started, good)) == "INVALID_CHALLENGE"
    assert outcome(partial(ada.second, challenge, ada.authenticator.get(second, bad)))
    again = ada.authenticator.get(second)
    assert outcome(lambda: ada.second(challenge, again)) == "INVALID_CHALLENGE"


def test_a_count_that_does_not_grow_is_refused_and_reported(ada: Person) -> None:
    assert ada.login(Twist(sign_count=20))
    with logged() as log:
        for count in (20, 19, 1, 0):
            twist = Twist(sign_count=count)
            assert outcome(partial(ada.login, twist)) == "INVALID_FACTOR"
            assert outcome(partial(ada.both, twist)) == "INVALID_FACTOR"
    reported = log.events("passkey.clone_suspected")
    assert len(reported) == 8
    assert {line["subject"] for line in reported} == {ada.account_id}
    assert ada.login(Twist(sign_count=21))
    assert ada.both(Twist(sign_count=2**32 - 1))


def test_of_copies_that_say_the_same_number_at_once_one_is_let_in(ada: Person) -> None:
    twist = Twist(sign_count=50)
    started = [ada.start_login() for _ in range(8)]
    answers = [ada.authenticator.get(one.request_options, twist) for one in started]
    pairs = iter(zip(started, answers, strict=True))
    outcomes = all_at_once(lambda: ada.finish_login(*next(pairs)), 8)
    assert sorted(outcomes) == ["INVALID_FACTOR"] * 7 + ["OK"]


def test_a_double_click_raises_no_suspicion(ada: Person) -> None:
    with logged() as log:
        for _ in range(2):
            challenge = ada.password()
            answer = ada.authenticator.get(challenge.passkey_request_options)
            outcomes = all_at_once(partial(ada.second, challenge, answer), 3)
            assert sorted(outcomes) == ["INVALID_CHALLENGE"] * 2 + ["OK"]
            started = ada.start_login()
            answer = ada.authenticator.get(started.request_options)
            outcomes = all_at_once(partial(ada.finish_login, started, answer), 3)
            assert sorted(outcomes) == ["INVALID_CHALLENGE"] * 2 + ["OK"]
    assert not log.events("passkey.clone_suspected")


def test_p_mfa_3_no_challenge_does_for_another_purpose(ada: Person) -> None:
    enrolment, login, second = ada.start_enrolment(), ada.start_login(), ada.password()
    made = Authenticator().create(enrolment.creation_options)
    to_login = ada.authenticator.get(login.request_options)
    to_second = ada.authenticator.get(second.passkey_request_options)
    for wrong in (login, second):
        assert outcome(partial(ada.finish_enrolment, wrong, made)) == "INVALID_CHALLENGE"
    for wrong, answer in ((enrolment, to_login), (second, to_login), (second, to_second)):
        assert outcome(partial(ada.finish_login, wrong, answer)) == "INVALID_CHALLENGE"
    for wrong, answer in ((enrolment, to_second), (login, to_second), (login, to_login)):
        assert outcome(partial(ada.second, wrong, answer)) == "INVALID_CHALLENGE"
    assert ada.finish_login(login, to_login)  # the wrong calls have used nothing up
    assert ada.second(second, ada.authenticator.get(second.passkey_request_options))
    assert ada.finish_enrolment(enrolment, made)


def test_row_36_nobody_finishes_what_another_has_begun(ada: Person, service: Service) -> None:
    bob = Person(service)
    begun = bob.start_enrolment()
    made = Authenticator().create(begun.creation_options)
    assert outcome(lambda: ada.finish_enrolment(begun, made)) == "INVALID_CHALLENGE"
    bob.enrol()
    challenge = bob.password()
    asked = json.loads(challenge.passkey_request_options)
    del asked["allowCredentials"]
    answer = ada.authenticator.get(json.dumps(asked))
    assert outcome(lambda: ada.second(challenge, answer)) == "INVALID_FACTOR"
    started = ada.start_login(ada.username)
    answer = bob.authenticator.get(started.request_options)
    assert outcome(lambda: ada.finish_login(started, answer)) == "INVALID_FACTOR"


def test_a_challenge_is_for_the_service_that_asked_for_it(tmp_path: Path, redis: Server) -> None:
    settings = {"mode": "production", "require_caller": False}
    with running(data=tmp_path, redis_url=redis.url, **settings) as service:
        person = Person(service)
        person.enrol()
        first, second = (by_key(issue_api_key(service)[0]) for _ in range(2))
        start, finish = service.auth.StartPasskeyLogin, service.auth.FinishPasskeyLogin
        for starter, finisher in (
            *((first, second), (first, ()), ((), first)),
            *((first, first), ((), ())),
        ):
            started = start(StartPasskeyLoginRequest(), metadata=starter)
            request = FinishPasskeyLoginRequest(
                challenge_token=started.challenge_token,
                passkey_assertion=person.authenticator.get(started.request_options),
            )
            answer = outcome(partial(finish, request, metadata=finisher))
            assert answer == ("OK" if starter == finisher else "INVALID_CHALLENGE")


def test_a_credential_belongs_to_one_account(ada: Person, service: Service) -> None:
    taken, thief = ada.authenticator.credentials[0], Person(service)
    own = Credential(taken.private_key, -7, RP_ID, b"", taken.credential_id)
    attested = bytes(16) + len(own.credential_id).to_bytes(2) + own.credential_id
    twist = Twist(attested=attested + cbor(own.cose()))
    started = thief.start_enrolment()
    made = json.loads(thief.authenticator.create(started.creation_options, twist))
    made["id"] = made["rawId"] = b64(taken.credential_id)
    answer = outcome(lambda: thief.finish_enrolment(started, json.dumps(made)))
    assert answer == "INVALID_FACTOR"
    assert ada.claims(ada.login()).subject == ada.account_id
    assert service.login(thief.username).access_token  # it still has no factor


@pytest.mark.parametrize("twist", WRONG_IN_BOTH.values(), ids=WRONG_IN_BOTH)
def test_what_is_wrong_is_not_enrolled(twist: Twist, service: Service) -> None:
    person = Person(service)
    started = person.start_enrolment()
    made = person.authenticator.create(started.creation_options, twist)
    with logged() as log:
        assert outcome(lambda: person.finish_enrolment(started, made)) == "INVALID_FACTOR"
    assert [line["outcome"] for line in log.events("factor.enrolled")] == ["failure"]
    assert outcome(lambda: person.finish_enrolment(started, made)) == "INVALID_CHALLENGE"
    assert person.claims(person.tokens)
    assert service.login(person.username).access_token


def test_an_account_has_a_bounded_number_of_passkeys(service: Service) -> None:
    person = Person(service)
    for _ in range(FACTOR_LIMITS[FactorType.PASSKEY]):
        person.authenticator = Authenticator()
        person.enrol()
    assert outcome(person.start_enrolment) == "FACTOR_LIMIT_REACHED"


def test_p_mfa_2_wrong_assertions_are_counted_for_the_account(ada: Person) -> None:
    bad = Twist(flip_signature=True)
    outcomes = [outcome(partial(one, bad)) for one in (ada.login, ada.both) * 6]
    assert outcomes == ["INVALID_FACTOR"] * 10 + ["TOO_MANY_ATTEMPTS"] * 2
    assert outcome(ada.login) == "TOO_MANY_ATTEMPTS"


def _use_up(client: Redis, since: set[bytes]) -> None:
    """Leave no attempt of those that have been counted since then."""
    for key in set(client.keys()) - since:
        if client.get(key) == b"1":
            client.set(key, 10**6, keepttl=True)


def test_p_thr_2_one_address_begins_and_fails_a_bounded_number_of_times(
    tmp_path: Path, redis: Server
) -> None:
    with running(data=tmp_path, redis_url=redis.url) as service, redis.client() as client:
        ada, bob = Person(service), Person(service)
        for person in (ada, bob):
            person.enrol()
        client.delete(*_counters(client))
        begun = bob.start_login()
        answer = bob.authenticator.get(begun.request_options)
        client.delete(*_counters(client))

        before = set(client.keys())
        ada.start_login()
        _use_up(client, before)
        for call in (ada.start_login, bob.start_login, bob.start_enrolment):
            refusal = refused(call)
            assert refusal.reason == "TOO_MANY_ATTEMPTS"
            assert refusal.retry_after
        client.delete(*_counters(client))

        before = set(client.keys())
        assert outcome(partial(ada.login, Twist(flip_signature=True))) == "INVALID_FACTOR"
        _use_up(client, before)
        assert outcome(partial(bob.finish_login, begun, answer)) == "TOO_MANY_ATTEMPTS"
        client.delete(*_counters(client))
        assert bob.finish_login(begun, answer)  # what was shed has used nothing up


def _counters(client: Redis) -> list[bytes]:
    return [*client.scan_iter(match="h{*")]

"""P-OBS-1: what passkeys leave behind is one event for each act, and never what could be used again."""

from collections.abc import Iterator
from functools import partial

import pytest

from tests.authenticator import Twist
from tests.passkeys.people import Person
from tests.service import Service
from tests.transport.calls import outcome
from tests.transport.logged import Log, logged


@pytest.fixture(name="log")
def _log() -> Iterator[Log]:
    """Everything down to the libraries' own lines."""
    with logged("debug") as log:
        yield log


def test_p_obs_1_each_act_is_one_event(service: Service, log: Log) -> None:
    person = Person(service)
    begin = len(log.lines)
    person.enrol()
    person.login()
    person.both()
    assert outcome(lambda: person.login(Twist(flip_signature=True))) == "INVALID_FACTOR"
    assert outcome(lambda: person.both(Twist(sign_count=1))) == "INVALID_FACTOR"
    assert outcome(lambda: person.finish_login(person.start_login(), "{}")) == "INVALID_FACTOR"

    events = [line for line in log.lines[begin:] if line.get("component") == "authsvc.events"]
    found = [(line["event"], line["outcome"], line["subject"], line["reason"]) for line in events]
    me = person.account_id
    assert found == [
        ("factor.enrolled", "success", me, "passkey"),
        ("login", "success", me, ""),
        ("login.challenged", "success", me, ""),
        ("factor.used", "success", me, "passkey"),
        ("login", "success", me, ""),
        ("login", "failure", me, "Invalid signature."),
        ("login.challenged", "success", me, ""),
        ("passkey.clone_suspected", "failure", me, "the sign count did not grow"),
        ("factor.used", "failure", me, "the sign count did not grow"),
        ("login", "failure", "", "malformed"),
    ]


def test_p_obs_1_no_challenge_and_no_answer_is_logged(service: Service, log: Log) -> None:
    person = Person(service)
    enrolment = person.start_enrolment()
    credential = person.authenticator.create(enrolment.creation_options)
    person.tokens = person.finish_enrolment(enrolment, credential).tokens
    login, challenge = person.start_login(), person.password()
    first = person.authenticator.get(login.request_options)
    second = person.authenticator.get(challenge.passkey_request_options)
    assert person.finish_login(login, first)
    assert person.second(challenge, second)
    for bad in (first, second, "canary-7c0ffee", '{"type": "canary-7c0ffee"}'):
        assert outcome(partial(person.finish_login, person.start_login(), bad)) == "INVALID_FACTOR"

    assert log.events("login")
    tokens = [one.challenge_token for one in (enrolment, login, challenge)]
    for secret in (*tokens, credential, first, second, "canary-7c0ffee"):
        assert secret[-40:] not in log.text

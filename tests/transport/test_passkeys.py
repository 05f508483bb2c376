"""Passkeys as a caller sees them: enrolled, used alone, used after a password."""

import json
from functools import partial
from pathlib import Path

import grpc
import pytest
from authn.v1.account_service_pb2 import DisableAccountRequest
from authn.v1.auth_service_pb2 import CompleteMfaRequest, FinishPasskeyLoginRequest
from authn.v1.factor_pb2 import FactorType
from authn.v1.factor_service_pb2 import FinishPasskeyEnrollmentRequest, ListFactorsRequest

from tests.authenticator import Authenticator, Twist, b64
from tests.passkeys.people import Person, all_at_once, shape
from tests.service import Service, running
from tests.stores.hot.servers import Server
from tests.transport.calls import Refusal, outcome, refused


@pytest.fixture(name="ada")
def _ada(service: Service) -> Person:
    """Somebody with a passkey."""
    person = Person(service)
    person.enrol()
    return person


@pytest.mark.parametrize("synced", [False, True])
def test_a_passkey_alone_opens_a_session_of_two_factors(synced: bool, service: Service) -> None:
    for algorithm in (-8, -7, -257):
        person = Person(service, Authenticator(algorithm, synced=synced, counts=not synced))
        enrolled = person.enrol()
        assert enrolled.factor.type == FactorType.FACTOR_TYPE_PASSKEY
        assert enrolled.factor.display_name == "Phone"

        for identifier in ("", person.username, person.username.upper()):
            claims = person.claims(person.login(identifier=identifier))
            assert claims.subject == person.account_id
            assert list(claims.amr) == ["pop", "user", "mfa"]
            assert claims.acr == "aal2"


def test_p_mfa_3_after_a_password_the_passkey_opens_the_session(ada: Person) -> None:
    challenge = ada.password()
    assert list(challenge.factor_types) == [FactorType.FACTOR_TYPE_PASSKEY]
    allowed = json.loads(challenge.passkey_request_options)["allowCredentials"]
    assert [one["id"] for one in allowed] == [b64(ada.authenticator.credentials[0].credential_id)]

    claims = ada.claims(ada.both())
    assert claims.subject == ada.account_id
    assert list(claims.amr) == ["pwd", "pop", "user", "mfa"]
    assert claims.acr == "aal2"


def test_p_mfa_4_a_recovery_code_does_for_a_lost_passkey(service: Service) -> None:
    person = Person(service)
    code = person.enrol().recovery_codes[0]
    challenge = person.password()
    request = CompleteMfaRequest(challenge_token=challenge.challenge_token, recovery_code=code)
    assert person.claims(service.auth.CompleteMfa(request).tokens).acr == "aal2"


def test_a_second_device_is_a_second_factor_and_the_first_makes_no_second_passkey(
    ada: Person,
) -> None:
    started = ada.start_enrolment()
    with pytest.raises(AssertionError):  # of the authenticator, which holds one
        ada.authenticator.create(started.creation_options)
    other = Authenticator(-8)
    answer = ada.finish_enrolment(started, other.create(started.creation_options))
    assert not answer.recovery_codes
    ada.tokens = answer.tokens
    factors = ada.service.factor.ListFactors(ListFactorsRequest(), metadata=ada.me).factors
    assert [one.type for one in factors] == [FactorType.FACTOR_TYPE_PASSKEY] * 2
    # Both devices call the account the same, so that they show one.
    assert other.credentials[0].user_handle == ada.authenticator.credentials[0].user_handle
    for authenticator in (ada.authenticator, other):
        ada.authenticator = authenticator
        assert ada.login()
        assert ada.both()
    used = ada.service.factor.ListFactors(ListFactorsRequest(), metadata=ada.me).factors
    assert all(one.HasField("last_use_time") for one in used)


def test_p_rev_4_an_enrolment_ends_what_was_open_and_opens_a_session(service: Service) -> None:
    person = Person(service)
    before = person.tokens
    answer = person.enrol()
    assert len(answer.recovery_codes) == 10
    assert outcome(lambda: person.claims(before)) == "TOKEN_INACTIVE"
    assert person.claims(answer.tokens).session_id == answer.tokens.session_id
    assert answer.revision > 0


def test_p_thr_3_every_refused_assertion_looks_the_same(ada: Person, service: Service) -> None:
    stranger, closed = Person(service), Person(service)
    closed.enrol()
    service.account.DisableAccount(DisableAccountRequest(account_id=closed.account_id))
    stranger.authenticator.create(stranger.start_enrolment().creation_options)  # never finished

    def answered(answer: str) -> Refusal:
        return refused(lambda: ada.finish_login(ada.start_login(), answer))

    refusals = {
        refused(lambda: ada.login(Twist(flip_signature=True))),
        refused(stranger.login),
        refused(closed.login),
        refused(lambda: ada.login(identifier="nobody-at-all")),
        refused(lambda: ada.login(identifier=stranger.username)),
        *map(answered, ("{}", "[" * 4000, "null", '{"type":"public-key"}', "\0", "\U0001f600")),
    }
    assert len(refusals) == 1
    refusal = refusals.pop()
    assert refusal.code is grpc.StatusCode.UNAUTHENTICATED
    assert refusal.reason == "INVALID_FACTOR"


def test_p_thr_3_the_start_of_a_login_does_not_tell_who_has_an_account(
    ada: Person, service: Service
) -> None:
    without = service.register(email="none@passkeys.test").account.username
    addresses = ("none@passkeys.test", "nobody@passkeys.test")
    names = ("", ada.username, without, "nobody-at-all", "\0", *addresses)
    answers = [ada.start_login(name) for name in names]
    assert len({shape(answer.request_options) for answer in answers}) == 1
    assert len({len(answer.challenge_token) for answer in answers}) == 1
    assert len({json.loads(a.request_options)["challenge"] for a in answers}) == len(names)
    assert "allowCredentials" not in answers[1].request_options


def test_p_mfa_3_of_fifty_answers_to_one_challenge_one_counts(service: Service) -> None:
    person = Person(service, Authenticator(counts=False))
    enrolment = person.start_enrolment()
    credential = person.authenticator.create(enrolment.creation_options)
    outcomes = all_at_once(partial(person.finish_enrolment, enrolment, credential))
    assert outcomes.count("OK") == 1
    assert set(outcomes) <= {"OK", "INVALID_CHALLENGE", "TOKEN_INACTIVE"}

    started = person.start_login()
    assertion = person.authenticator.get(started.request_options)
    outcomes = all_at_once(partial(person.finish_login, started, assertion))
    assert outcomes.count("OK") == 1
    assert outcomes.count("INVALID_CHALLENGE") == 49

    challenge = person.password()
    assertion = person.authenticator.get(challenge.passkey_request_options)
    outcomes = all_at_once(partial(person.second, challenge, assertion))
    assert outcomes.count("OK") == 1
    assert set(outcomes) <= {"OK", "INVALID_CHALLENGE", "TOO_MANY_ATTEMPTS"}


def test_without_a_domain_there_are_no_passkeys(tmp_path: Path, redis: Server) -> None:
    with running(data=tmp_path, redis_url=redis.url, webauthn_rp_id="") as service:
        person = Person(service)
        finish = FinishPasskeyLoginRequest(challenge_token="x", passkey_assertion="{}")
        enrol = FinishPasskeyEnrollmentRequest(challenge_token="x", credential="{}")
        for call in (
            person.start_login,
            person.start_enrolment,
            partial(service.auth.FinishPasskeyLogin, finish),
            partial(service.factor.FinishPasskeyEnrollment, enrol, metadata=person.me),
        ):
            refusal = refused(call)
            assert refusal.code is grpc.StatusCode.UNIMPLEMENTED
            assert refusal.reason == "UNIMPLEMENTED"
            assert "AUTHSVC_WEBAUTHN_RP_ID" in refusal.message
        assert service.login(person.username).access_token

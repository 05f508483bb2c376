"""Passkeys as a caller sees them: enrolled, used alone, used after a password, and abused."""

import json
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path

import grpc
import pytest
from authn.v1.account_service_pb2 import (
    ChangePasswordRequest,
    CreateAccountRequest,
    DeleteAccountRequest,
    DisableAccountRequest,
)
from authn.v1.auth_service_pb2 import FinishPasskeyLoginRequest, StartPasskeyLoginRequest
from authn.v1.factor_pb2 import FactorType
from authn.v1.factor_service_pb2 import (
    DeleteFactorRequest,
    FinishPasskeyEnrollmentRequest,
    ListFactorsRequest,
    ResetFactorsRequest,
)

from tests.authenticator import BE, BS, RP_ID, UP, UV, Authenticator, Twist, b64
from tests.service import PASSWORD, Service, running
from tests.stores.hot.servers import Server, valkey
from tests.transport.calls import Refusal, by_key, issue_api_key, outcome, refused
from tests.transport.logged import logged
from tests.transport.people import Person, shape

WRONG = {
    "another origin": Twist(origin="https://login.example.test.evil.test"),
    "another party": Twist(rp_id="evil.test"),
    "another challenge": Twist(challenge=secrets.token_bytes(32)),
    "the other ceremony": Twist(kind="webauthn.other"),
    "another site's page": Twist(client_data={"crossOrigin": True}),
    "nobody present": Twist(flags_off=UP),
    "nobody verified": Twist(flags_off=UV),
    "a bad signature": Twist(flip_signature=True),
    "another account's handle": Twist(user_handle=secrets.token_bytes(32)),
    "a key that can leave the device all at once": Twist(flags_on=BE | BS),
}


@pytest.fixture(name="patient", scope="session")
def _patient(
    transport: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Service, Server]]:
    """A service of these tests' own, and its Redis."""
    data = Path(tmp_path_factory.mktemp("passkeys"))
    with valkey() as server, running(data=data, redis_url=server.url) as service:
        yield service, server


@pytest.fixture(name="ada")
def _ada(service: Service) -> Person:
    """Somebody with a passkey."""
    person = Person(service)
    person.enrol()
    return person


def at_once(call: Callable[[], object], times: int = 50) -> list[str]:
    """The outcomes of many calls that are made together."""
    with ThreadPoolExecutor(16) as threads:
        return list(threads.map(lambda _: outcome(call), range(times)))


@pytest.mark.parametrize("algorithm", [-8, -7, -257])
@pytest.mark.parametrize("synced", [False, True])
def test_a_passkey_alone_opens_a_session_of_two_factors(
    algorithm: int, synced: bool, service: Service
) -> None:
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
    # Both are called the same by the devices, so that they show one account.
    assert other.credentials[0].user_handle == ada.authenticator.credentials[0].user_handle
    assert ada.login()
    ada.authenticator = other
    assert ada.login()
    assert ada.both()


def test_the_user_handle_tells_nothing(service: Service) -> None:
    person = Person(service)
    options = json.loads(person.start_enrolment().creation_options)
    assert options["user"]["name"] == person.username
    handle = options["user"]["id"]
    assert len(handle) == 43
    again = json.loads(person.start_enrolment().creation_options)["user"]["id"]
    assert again != handle  # it is chance, not derived from the account


def test_p_rev_4_an_enrolment_ends_what_was_open_and_opens_a_session(service: Service) -> None:
    person = Person(service)
    before = person.tokens
    answer = person.enrol()
    assert len(answer.recovery_codes) == 10
    assert outcome(lambda: person.claims(before)) == "TOKEN_INACTIVE"
    assert person.claims(answer.tokens).session_id == answer.tokens.session_id
    assert answer.revision > 0


@pytest.mark.parametrize("twist", WRONG.values(), ids=WRONG)
def test_what_is_wrong_opens_nothing(twist: Twist, ada: Person) -> None:
    assert outcome(lambda: ada.login(twist)) == "INVALID_FACTOR"
    assert outcome(lambda: ada.both(twist)) == "INVALID_FACTOR"
    assert ada.login()
    assert ada.both()


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
        *map(answered, ("{}", "[" * 4000, "null", '{"type":"public-key"}', "\0")),
    }
    assert len(refusals) == 1
    refusal = refusals.pop()
    assert refusal.code is grpc.StatusCode.UNAUTHENTICATED
    assert refusal.reason == "INVALID_FACTOR"


def test_p_thr_3_the_start_of_a_login_does_not_tell_who_has_an_account(
    ada: Person, service: Service
) -> None:
    without = service.register(email="none@passkeys.test").account.username
    names = (
        "",
        ada.username,
        without,
        "none@passkeys.test",
        "nobody-at-all",
        "nobody@x.test",
        "\0",
    )
    answers = [ada.start_login(name) for name in names]
    assert len({shape(answer.request_options) for answer in answers}) == 1
    assert len({len(answer.challenge_token) for answer in answers}) == 1
    assert len({json.loads(a.request_options)["challenge"] for a in answers}) == len(names)
    assert "allowCredentials" not in answers[1].request_options


def test_an_assertion_is_worth_one_session(ada: Person) -> None:
    started = ada.start_login()
    answer = ada.authenticator.get(started.request_options)
    assert ada.finish_login(started, answer)
    assert outcome(lambda: ada.finish_login(started, answer)) == "INVALID_CHALLENGE"
    assert outcome(lambda: ada.finish_login(ada.start_login(), answer)) == "INVALID_FACTOR"

    challenge = ada.password()
    answer = ada.authenticator.get(challenge.passkey_request_options)
    assert ada.second(challenge, answer)
    assert outcome(lambda: ada.second(challenge, answer)) == "INVALID_CHALLENGE"
    assert outcome(lambda: ada.second(ada.password(), answer)) == "INVALID_FACTOR"


def test_a_failed_login_uses_its_challenge_up(ada: Person) -> None:
    started = ada.start_login()
    bad = ada.authenticator.get(started.request_options, Twist(flip_signature=True))
    assert outcome(lambda: ada.finish_login(started, bad)) == "INVALID_FACTOR"
    good = ada.authenticator.get(started.request_options)
    assert outcome(lambda: ada.finish_login(started, good)) == "INVALID_CHALLENGE"


@pytest.mark.parametrize("counts", [True, False])
def test_of_fifty_finishes_at_once_one_succeeds(counts: bool, service: Service) -> None:
    person = Person(service, Authenticator(counts=counts))
    enrolment = person.start_enrolment()
    credential = person.authenticator.create(enrolment.creation_options)
    outcomes = at_once(partial(person.finish_enrolment, enrolment, credential))
    assert outcomes.count("OK") == 1
    assert set(outcomes) <= {"OK", "INVALID_CHALLENGE", "TOKEN_INACTIVE"}

    started = person.start_login()
    assertion = person.authenticator.get(started.request_options)
    outcomes = at_once(partial(person.finish_login, started, assertion))
    assert sorted(set(outcomes)) == ["INVALID_CHALLENGE", "OK"]
    assert outcomes.count("OK") == 1

    challenge = person.password()
    assertion = person.authenticator.get(challenge.passkey_request_options)
    outcomes = at_once(partial(person.second, challenge, assertion))
    assert outcomes.count("OK") == 1
    assert set(outcomes) <= {"OK", "INVALID_CHALLENGE", "INVALID_FACTOR", "TOO_MANY_ATTEMPTS"}


def test_a_count_that_does_not_grow_is_refused_and_reported(ada: Person) -> None:
    assert ada.login(Twist(sign_count=20))
    with logged() as log:
        for count in (20, 19, 1, 0):
            assert outcome(lambda: ada.login(Twist(sign_count=count))) == "INVALID_FACTOR"
            assert outcome(lambda: ada.both(Twist(sign_count=count))) == "INVALID_FACTOR"
    reported = log.events("passkey.clone_suspected")
    assert len(reported) == 8
    assert {line["subject"] for line in reported} == {ada.account_id}
    assert ada.login(Twist(sign_count=21))
    assert ada.both(Twist(sign_count=2**32 - 1))


def test_of_two_copies_with_one_count_one_is_refused(ada: Person) -> None:
    for _ in range(3):
        count = ada.authenticator.credentials[0].sign_count + 10
        started = [ada.start_login() for _ in range(8)]
        twist = Twist(sign_count=count)
        answers = [ada.authenticator.get(one.request_options, twist) for one in started]
        ada.authenticator.credentials[0].sign_count = count
        with ThreadPoolExecutor(8) as threads:
            finish = lambda pair: outcome(lambda: ada.finish_login(*pair))  # noqa: E731
            outcomes = list(threads.map(finish, zip(started, answers, strict=True)))
        assert sorted(outcomes) == ["INVALID_FACTOR"] * 7 + ["OK"]


def test_p_mfa_3_no_challenge_does_for_another_purpose_account_or_client(
    ada: Person, service: Service
) -> None:
    enrolment, login, second = ada.start_enrolment(), ada.start_login(), ada.password()
    bob = Person(service)
    other = bob.start_enrolment()
    made = Authenticator().create(other.creation_options)
    assert outcome(lambda: ada.finish_enrolment(other, made)) == "INVALID_CHALLENGE"
    for challenge in (login, second):
        assert outcome(lambda: ada.finish_enrolment(challenge, made)) == "INVALID_CHALLENGE"
    for started, options in ((enrolment, login), (second, login), (enrolment, second)):
        ask = getattr(options, "request_options", "") or options.passkey_request_options
        answer = ada.authenticator.get(ask)
        assert outcome(lambda: ada.finish_login(started, answer)) == "INVALID_CHALLENGE"
        assert outcome(lambda: ada.second(started, answer)) in {
            "INVALID_CHALLENGE",
            "INVALID_FACTOR",
        }
    foreign = bob.password() if bob.enrol() else None
    assert foreign is not None
    answer = ada.authenticator.get(ada.password().passkey_request_options)
    assert outcome(lambda: ada.second(foreign, answer)) == "INVALID_FACTOR"
    as_asked = json.loads(foreign.passkey_request_options)
    del as_asked["allowCredentials"]
    answer = ada.authenticator.get(json.dumps(as_asked))
    assert outcome(lambda: ada.second(foreign, answer)) == "INVALID_FACTOR"


def test_a_challenge_is_for_the_service_that_asked_for_it(open_service: Service) -> None:
    person = Person(open_service)
    person.enrol()
    first, second = (by_key(issue_api_key(open_service)[0]) for _ in range(2))
    start, finish = open_service.auth.StartPasskeyLogin, open_service.auth.FinishPasskeyLogin
    for starter, finisher, expected in (
        (first, first, "OK"),
        (first, second, "INVALID_CHALLENGE"),
        (first, (), "INVALID_CHALLENGE"),
        ((), first, "INVALID_CHALLENGE"),
    ):
        started = start(StartPasskeyLoginRequest(), metadata=starter)
        request = FinishPasskeyLoginRequest(
            challenge_token=started.challenge_token,
            passkey_assertion=person.authenticator.get(started.request_options),
        )
        assert outcome(lambda: finish(request, metadata=finisher)) == expected


def test_a_credential_belongs_to_one_account(ada: Person, service: Service) -> None:
    taken = ada.authenticator.credentials[0]
    thief = Person(service)
    started = thief.start_enrolment()
    attested = bytes(16) + len(taken.credential_id).to_bytes(2) + taken.credential_id
    made = json.loads(
        thief.authenticator.create(
            started.creation_options, Twist(attested=attested + _cose(thief.authenticator))
        )
    )
    made["id"] = made["rawId"] = b64(taken.credential_id)
    answer = outcome(lambda: thief.finish_enrolment(started, json.dumps(made)))
    assert answer == "INVALID_FACTOR"
    assert ada.claims(ada.login()).subject == ada.account_id
    assert not thief.password().challenge_token  # it still has no factor


def _cose(authenticator: Authenticator) -> bytes:
    from tests.authenticator import Credential, _new_key, cbor  # noqa: PLC0415 - as it makes them

    return cbor(Credential(_new_key(-7), -7, RP_ID, b"").cose())


@pytest.mark.parametrize("twist", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_not_enrolled(twist: Twist, service: Service) -> None:
    if twist in (WRONG["a bad signature"], WRONG["another account's handle"]):
        return  # there is neither in an enrolment
    if twist == WRONG["a key that can leave the device all at once"]:
        return  # this is told at the enrolment
    person = Person(service)
    started = person.start_enrolment()
    made = person.authenticator.create(started.creation_options, twist)
    assert outcome(lambda: person.finish_enrolment(started, made)) == "INVALID_FACTOR"
    assert person.claims(person.tokens)
    assert outcome(lambda: person.finish_enrolment(started, made)) == "INVALID_CHALLENGE"


def test_p_rev_4_what_changes_the_account_ends_its_challenges(service: Service) -> None:
    person = Person(service)
    enrolment = person.start_enrolment()
    made = person.authenticator.create(enrolment.creation_options)
    change = ChangePasswordRequest(current_password=PASSWORD, new_password="new " + PASSWORD)
    person.tokens = service.account.ChangePassword(change, metadata=person.me).tokens
    assert outcome(lambda: person.finish_enrolment(enrolment, made)) == "INVALID_CHALLENGE"

    person = Person(service)
    person.enrol()
    challenge = person.password()
    answer = person.authenticator.get(challenge.passkey_request_options)
    tokens = service.account.ChangePassword(change, metadata=person.me).tokens
    assert tokens.access_token
    assert outcome(lambda: person.second(challenge, answer)) == "INVALID_CHALLENGE"


@pytest.mark.parametrize("how", ["disabled", "deleted", "reset", "removed"])
def test_p_rev_4_what_is_taken_away_opens_nothing(how: str, ada: Person, service: Service) -> None:
    login, challenge = ada.start_login(), ada.password()
    answers = [
        ada.authenticator.get(login.request_options),
        ada.authenticator.get(challenge.passkey_request_options),
    ]
    if how == "disabled":
        service.account.DisableAccount(DisableAccountRequest(account_id=ada.account_id))
    elif how == "deleted":
        service.account.DeleteAccount(DeleteAccountRequest(account_id=ada.account_id))
    elif how == "reset":
        service.factor.ResetFactors(ResetFactorsRequest(account_id=ada.account_id))
    else:
        ada.tokens = ada.login()
        own = service.factor.ListFactors(ListFactorsRequest(), metadata=ada.me).factors
        request = DeleteFactorRequest(factor_id=own[0].factor_id)
        service.factor.DeleteFactor(request, metadata=ada.me)
    assert outcome(lambda: ada.finish_login(login, answers[0])) == "INVALID_FACTOR"
    assert outcome(lambda: ada.second(challenge, answers[1])) == "INVALID_CHALLENGE"
    assert outcome(ada.login) == "INVALID_FACTOR"


def test_row_35_a_stolen_token_enrols_nothing(own: Service) -> None:
    person = Person(own)
    own.clock.offset = timedelta(minutes=9)
    late = person.start_enrolment()
    made = person.authenticator.create(late.creation_options)
    own.clock.offset = timedelta(minutes=11)
    person.tokens = own.auth.Refresh(
        type(own.auth.Refresh).__self__ if False else _refresh(person)
    ).tokens
    assert outcome(person.start_enrolment) == "INSUFFICIENT_USER_AUTHENTICATION"
    answer = outcome(lambda: person.finish_enrolment(late, made))
    assert answer == "INSUFFICIENT_USER_AUTHENTICATION"


def _refresh(person: Person) -> object:
    from authn.v1.auth_service_pb2 import RefreshRequest  # noqa: PLC0415

    return RefreshRequest(refresh_token=person.tokens.refresh_token)


def test_p_mfa_2_wrong_assertions_are_counted_for_the_account(ada: Person) -> None:
    bad = Twist(flip_signature=True)
    outcomes = [outcome(lambda: (ada.login if n % 2 else ada.both)(bad)) for n in range(12)]
    assert outcomes.count("INVALID_FACTOR") == 10
    assert outcomes[-1] == "TOO_MANY_ATTEMPTS"
    assert outcome(ada.login) == "TOO_MANY_ATTEMPTS"


def test_p_flt_2_an_emptied_redis_keeps_no_challenge(patient: tuple[Service, Server]) -> None:
    service, server = patient
    person = Person(service)
    enrolment = person.start_enrolment()
    credential = person.authenticator.create(enrolment.creation_options)
    with server.client() as client:
        client.flushall()
    assert outcome(lambda: person.finish_enrolment(enrolment, credential)) == "INVALID_CHALLENGE"
    person.authenticator.credentials.clear()
    person.tokens = service.login(person.username)
    person.enrol()
    login, challenge = person.start_login(), person.password()
    answers = [
        person.authenticator.get(login.request_options),
        person.authenticator.get(challenge.passkey_request_options),
    ]
    used = person.start_login()
    replayed = person.authenticator.get(used.request_options)
    assert person.finish_login(used, replayed)
    with server.client() as client:
        client.flushall()
    assert outcome(lambda: person.finish_login(login, answers[0])) == "INVALID_CHALLENGE"
    assert outcome(lambda: person.second(challenge, answers[1])) == "INVALID_CHALLENGE"
    assert outcome(lambda: person.finish_login(used, replayed)) == "INVALID_CHALLENGE"


def test_challenges_live_five_minutes_and_tell_no_secret(patient: tuple[Service, Server]) -> None:
    service, server = patient
    person = Person(service)
    with server.client() as client:
        before = set(client.keys())
        tokens = [person.start_enrolment().challenge_token, person.start_login().challenge_token]
        new = set(client.keys()) - before
        lives = [client.pttl(key) for key in new]
        kept = b"".join(key + client.dump(key) for key in new)
    assert len(new) >= 2
    assert all(0 < life <= 300_000 for life in lives)
    assert all(token.encode() not in kept for token in tokens)


def test_p_flt_1_an_outage_is_no_refusal(tmp_path: Path, redis: Server) -> None:
    with running(data=tmp_path, redis_url=redis.url) as service:
        person = Person(service)
        person.enrol()
        started = person.start_login()
        answer = person.authenticator.get(started.request_options)
        redis.kill()
        assert outcome(person.start_login) == "STORE_UNAVAILABLE"
        assert outcome(lambda: person.finish_login(started, answer)) == "STORE_UNAVAILABLE"


def test_without_a_domain_there_are_no_passkeys(tmp_path: Path, redis: Server) -> None:
    with running(data=tmp_path, redis_url=redis.url, webauthn_rp_id="") as service:
        person = Person(service)
        finish = FinishPasskeyLoginRequest(challenge_token="x", passkey_assertion="{}")
        enrol = FinishPasskeyEnrollmentRequest(challenge_token="x", credential="{}")
        for call in (
            person.start_login,
            person.start_enrolment,
            lambda: service.auth.FinishPasskeyLogin(finish),
            lambda: service.factor.FinishPasskeyEnrollment(enrol, metadata=person.me),
        ):
            refusal = refused(call)
            assert refusal.code is grpc.StatusCode.UNIMPLEMENTED
            assert refusal.reason == "UNIMPLEMENTED"
            assert "AUTHSVC_WEBAUTHN_RP_ID" in refusal.message
        assert service.login(person.username).access_token


def test_an_account_without_a_password_is_entered_by_its_passkey_alone(service: Service) -> None:
    """It has no way to enrol one yet; what it must not have is a way around one."""
    made = service.account.CreateAccount(CreateAccountRequest(username="pk-only"))
    assert made.account.account_id
    answer = service.auth.StartPasskeyLogin(StartPasskeyLoginRequest(identifier="pk-only"))
    assert "allowCredentials" not in answer.request_options

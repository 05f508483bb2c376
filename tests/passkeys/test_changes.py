"""What becomes of passkeys and their challenges when accounts change and stores fail."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from authn.v1.account_service_pb2 import (
    ChangePasswordRequest,
    DeleteAccountRequest,
    DisableAccountRequest,
)
from authn.v1.auth_service_pb2 import (
    RefreshRequest,
)
from authn.v1.factor_service_pb2 import (
    DeleteFactorRequest,
    ListFactorsRequest,
    ResetFactorsRequest,
)

from tests.passkeys.people import Person
from tests.service import PASSWORD, Service, running
from tests.stores.hot.servers import Server
from tests.transport.calls import outcome

NINE_MINUTES = timedelta(minutes=9)
CHANGE = ChangePasswordRequest(current_password=PASSWORD, new_password="new " + PASSWORD)


def test_p_rev_4_what_changes_the_account_ends_its_challenges(service: Service) -> None:
    person = Person(service)
    enrolment = person.start_enrolment()
    made = person.authenticator.create(enrolment.creation_options)
    person.tokens = service.account.ChangePassword(CHANGE, metadata=person.me).tokens
    assert outcome(lambda: person.finish_enrolment(enrolment, made)) == "INVALID_CHALLENGE"

    person = Person(service)
    person.enrol()
    challenge = person.password()
    answer = person.authenticator.get(challenge.passkey_request_options)
    assert service.account.ChangePassword(CHANGE, metadata=person.me).tokens.access_token
    assert outcome(lambda: person.second(challenge, answer)) == "INVALID_CHALLENGE"


def _take_away(how: str, person: Person) -> None:
    service = person.service
    if how == "disabled":
        service.account.DisableAccount(DisableAccountRequest(account_id=person.account_id))
    elif how == "deleted":
        service.account.DeleteAccount(DeleteAccountRequest(account_id=person.account_id))
    elif how == "reset":
        service.factor.ResetFactors(ResetFactorsRequest(account_id=person.account_id))
    else:
        (own,) = service.factor.ListFactors(ListFactorsRequest(), metadata=person.me).factors
        request = DeleteFactorRequest(factor_id=own.factor_id)
        service.factor.DeleteFactor(request, metadata=person.me)


@pytest.mark.parametrize("how", ["disabled", "deleted", "reset", "removed"])
def test_p_rev_4_what_is_taken_away_opens_nothing(how: str, ada: Person) -> None:
    login, challenge = ada.start_login(), ada.password()
    first = ada.authenticator.get(login.request_options)
    second = ada.authenticator.get(challenge.passkey_request_options)

    _take_away(how, ada)

    assert outcome(lambda: ada.finish_login(login, first)) == "INVALID_FACTOR"
    assert outcome(lambda: ada.second(challenge, second)) == "INVALID_CHALLENGE"
    assert outcome(ada.login) == "INVALID_FACTOR"


def test_p_rev_4_a_session_is_of_the_epoch_before_its_passkey_was_used(
    tmp_path: Path, redis: Server
) -> None:
    """Whatever takes a passkey away raises the epoch, and so ends the login that it races."""
    raced = """CREATE TRIGGER raced AFTER UPDATE OF sign_count ON passkeys
               BEGIN UPDATE accounts SET epoch = epoch + 1; END"""
    with running(data=tmp_path, redis_url=redis.url) as service:
        person = Person(service)
        person.enrol()
        before = person.claims(person.tokens).epoch
        database = sqlite3.connect(tmp_path / "authsvc.db")
        with closing(database), database:
            database.execute(raced)
        assert person.claims(person.login()).epoch == before


def test_row_35_a_stolen_token_enrols_nothing(tmp_path: Path, redis: Server) -> None:
    with running(data=tmp_path, redis_url=redis.url) as service:
        person = Person(service)
        service.clock.offset = NINE_MINUTES
        begun = person.start_enrolment()
        made = person.authenticator.create(begun.creation_options)
        refresh = RefreshRequest(refresh_token=person.tokens.refresh_token)
        person.tokens = service.auth.Refresh(refresh).tokens
        service.clock.offset = NINE_MINUTES * 1.3
        too_old = "INSUFFICIENT_USER_AUTHENTICATION"
        assert outcome(person.start_enrolment) == too_old
        assert outcome(lambda: person.finish_enrolment(begun, made)) == too_old


def test_p_flt_2_an_emptied_redis_keeps_no_challenge(tmp_path: Path, redis: Server) -> None:
    with running(data=tmp_path, redis_url=redis.url) as service, redis.client() as client:
        person = Person(service)
        begun = person.start_enrolment()
        made = person.authenticator.create(begun.creation_options)
        client.flushall()
        assert outcome(lambda: person.finish_enrolment(begun, made)) == "INVALID_CHALLENGE"

        person = Person(service)
        person.enrol()
        login, challenge, used = person.start_login(), person.password(), person.start_login()
        first = person.authenticator.get(login.request_options)
        second = person.authenticator.get(challenge.passkey_request_options)
        third = person.authenticator.get(used.request_options)
        assert person.finish_login(used, third)
        client.flushall()
        assert outcome(lambda: person.finish_login(login, first)) == "INVALID_CHALLENGE"
        assert outcome(lambda: person.second(challenge, second)) == "INVALID_CHALLENGE"
        assert outcome(lambda: person.finish_login(used, third)) == "INVALID_CHALLENGE"


def test_challenges_live_five_minutes_and_their_tokens_are_not_kept(
    tmp_path: Path, redis: Server
) -> None:
    with running(data=tmp_path, redis_url=redis.url) as service, redis.client() as client:
        person = Person(service)
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

"""An enrolled factor is needed, counts once, and can't be guessed or got round (P-MFA)."""

from collections.abc import Callable
from functools import partial

import pytest
from authn.v1.account_service_pb2 import (
    ChangePasswordRequest,
)
from authn.v1.auth_service_pb2 import CompleteMfaRequest, LoginRequest
from authn.v1.factor_pb2 import FactorType
from authn.v1.factor_service_pb2 import (
    DeleteFactorRequest,
    RegenerateRecoveryCodesRequest,
    ResetFactorsRequest,
)
from authn.v1.token_service_pb2 import IntrospectTokenRequest

from tests.promises.asking import Pair, events, reasons, refresh, refusal, verify
from tests.promises.phone import challenge, complete, enrol
from tests.service import PASSWORD, Service, bearer

OTHER_PASSWORD = PASSWORD + " and more"


# One code, once


def test_p_mfa_1_of_fifty_uses_of_one_code_at_once_one_opens_a_session(pair: Pair) -> None:
    owner = enrol(pair.first)
    challenges = [challenge(pair[n % 2], owner) for n in range(50)]

    outcomes = reasons(
        [
            partial(complete, pair[n % 2], token, totp_code=owner.code())
            for n, token in enumerate(challenges)
        ]
    )

    assert outcomes.count("") == 1
    assert set(outcomes) <= {"", "INVALID_FACTOR", "TOO_MANY_ATTEMPTS"}


def test_p_mfa_1_a_used_code_is_worth_nothing_in_another_challenge_or_on_another_worker(
    pair: Pair,
) -> None:
    owner = enrol(pair.first)
    complete(pair.first, challenge(pair.first, owner), totp_code=owner.code())

    for service in pair:
        again = challenge(service, owner)
        for code in (owner.code(1), owner.code(0), owner.code(-1)):
            attempt = partial(complete, service, again, totp_code=code)
            assert refusal(attempt) == "INVALID_FACTOR"


def test_p_mfa_1_the_code_that_enrols_an_app_does_not_log_in(pair: Pair) -> None:
    owner = enrol(pair.first)
    token = challenge(pair.first, owner)
    attempt = partial(complete, pair.first, token, totp_code=owner.code(0))
    assert refusal(attempt) == "INVALID_FACTOR"


@pytest.mark.parametrize(
    "respell",
    [
        lambda code: f"{code[:3]} {code[3:]}",
        lambda code: f" {code}",
        lambda code: f"{code}\n",
        lambda code: "".join(chr(0xFF10 + int(digit)) for digit in code),
        lambda code: "".join(chr(0x0660 + int(digit)) for digit in code),
        lambda code: f"{code[:3]}\u200b{code[3:]}",
        lambda code: f"+{code}",
        lambda code: f"0{code}",
        lambda code: code[:5],
        lambda code: "",
    ],
)
def test_p_mfa_1_a_code_has_one_spelling(respell: Callable[[str], str], pair: Pair) -> None:
    owner = enrol(pair.first)
    token = challenge(pair.first, owner)
    odd = partial(complete, pair.first, token, totp_code=respell(owner.code()))
    assert refusal(odd) == "INVALID_REQUEST"

    complete(pair.first, token, totp_code=owner.code())

    odd = partial(
        complete, pair.first, challenge(pair.first, owner), totp_code=respell(owner.code())
    )
    assert refusal(odd) == "INVALID_REQUEST"


# No more guesses than are allowed


def test_p_mfa_2_wrong_codes_count_for_the_account_whatever_the_challenge(pair: Pair) -> None:
    owner, wrong = enrol(pair.first), ""
    outcomes = []
    for n in range(12):
        token = challenge(pair[n % 2], owner)  # the right password again, which resets nothing
        wrong = owner.wrong_code()
        outcomes.append(refusal(partial(complete, pair[n % 2], token, totp_code=wrong)))
    assert outcomes == ["INVALID_FACTOR"] * 10 + ["TOO_MANY_ATTEMPTS"] * 2

    token = challenge(pair.first, owner)
    right = partial(complete, pair.first, token, totp_code=owner.code())
    assert refusal(right) == "TOO_MANY_ATTEMPTS"
    assert complete(pair.first, token, recovery_code=owner.recovery_codes[0]).session_id


def test_p_mfa_2_guesses_at_once_are_counted_exactly(pair: Pair) -> None:
    owner = enrol(pair.first)
    token = challenge(pair.first, owner)
    wrong = owner.wrong_code()

    outcomes = reasons([partial(complete, pair[n % 2], token, totp_code=wrong) for n in range(40)])

    assert set(outcomes) == {"INVALID_FACTOR", "TOO_MANY_ATTEMPTS"}
    answered = outcomes.count("INVALID_FACTOR")
    while refusal(partial(complete, pair[0], token, totp_code=wrong)) == "INVALID_FACTOR":
        answered += 1
    assert answered == 10


def test_p_mfa_2_passwords_and_codes_are_counted_apart(pair: Pair) -> None:
    owner = enrol(pair.first)
    token = challenge(pair.first, owner)
    wrong = LoginRequest(identifier=owner.username, password="wrong")
    for _ in range(10):
        assert refusal(partial(pair.first.auth.Login, wrong)) == "INVALID_CREDENTIALS"
    assert refusal(partial(pair.first.auth.Login, wrong)) == "TOO_MANY_ATTEMPTS"
    assert complete(pair.first, token, totp_code=owner.code()).session_id

    other = enrol(pair.first)
    token = challenge(pair.first, other)
    for _ in range(11):
        refusal(partial(complete, pair.first, token, totp_code=other.wrong_code()))
    assert challenge(pair.first, other)


def test_p_mfa_2_a_wrong_code_leaves_the_challenge_open(pair: Pair) -> None:
    owner = enrol(pair.first)
    token = challenge(pair.first, owner)
    attempt = partial(complete, pair.first, token, totp_code=owner.wrong_code())
    assert refusal(attempt) == "INVALID_FACTOR"
    assert complete(pair.second, token, totp_code=owner.code()).session_id


def test_p_mfa_2_a_wrong_kind_of_proof_is_a_wrong_factor(pair: Pair) -> None:
    owner = enrol(pair.first)
    token = challenge(pair.first, owner)
    for code in ("x", "0" * 24, "\uff41" * 16, owner.recovery_codes[0][:-1]):
        attempt = partial(complete, pair.first, token, recovery_code=code)
        assert refusal(attempt) == "INVALID_FACTOR"
    request = CompleteMfaRequest(challenge_token=token)
    assert refusal(partial(pair.first.auth.CompleteMfa, request)) == "INVALID_REQUEST"


# No way round


def test_p_mfa_3_the_password_alone_opens_no_session(pair: Pair) -> None:
    owner = enrol(pair.first)
    request = LoginRequest(identifier=owner.username, password=PASSWORD)
    outcome = pair.second.auth.Login(request)

    assert not outcome.HasField("tokens")
    assert list(outcome.mfa_challenge.factor_types) == [FactorType.FACTOR_TYPE_TOTP]
    assert outcome.mfa_challenge.expire_time.ToDatetime()


def test_p_mfa_3_a_change_of_password_keeps_what_was_proven_and_no_more(pair: Pair) -> None:
    owner = enrol(pair.first)
    before = verify(pair.first, owner.tokens.access_token)
    change = ChangePasswordRequest(current_password=PASSWORD, new_password=OTHER_PASSWORD)

    changed = pair.first.account.ChangePassword(
        change, metadata=bearer(owner.tokens.access_token)
    ).tokens

    after = verify(pair.second, changed.access_token)
    assert (after.amr, after.acr) == (["pwd", "otp", "mfa"], "aal2")
    assert after.auth_time == before.auth_time
    assert challenge(pair.first, owner, password=OTHER_PASSWORD)


@pytest.mark.parametrize("acr", ["", "aal2"])
def test_p_mfa_3_the_level_that_was_asked_for_is_reached_or_refused(acr: str, pair: Pair) -> None:
    owner = enrol(pair.first)
    tokens = complete(pair.first, challenge(pair.first, owner, acr=acr), totp_code=owner.code())
    assert verify(pair.first, tokens.access_token).acr == "aal2"

    plain = pair.first.register().account.username
    wrong = LoginRequest(identifier=plain, password="wrong", acr=acr)
    assert refusal(partial(pair.first.auth.Login, wrong)) == "INVALID_CREDENTIALS"
    right = LoginRequest(identifier=plain, password=PASSWORD, acr=acr)
    expected = "INSUFFICIENT_USER_AUTHENTICATION" if acr else ""
    assert refusal(partial(pair.first.auth.Login, right)) == expected


def test_p_mfa_3_a_challenge_opens_one_session_whatever_answers_it_at_once(pair: Pair) -> None:
    owner = enrol(pair.first)
    token = challenge(pair.first, owner)
    proofs = [{"totp_code": owner.code()}, *({"recovery_code": c} for c in owner.recovery_codes)]

    outcomes = reasons(
        [partial(complete, pair[n % 2], token, **proof) for n, proof in enumerate(proofs)]
    )

    assert outcomes.count("") == 1
    assert set(outcomes) == {"", "INVALID_CHALLENGE"}


def test_p_mfa_3_a_challenge_is_of_no_use_to_anybody_else(pair: Pair) -> None:
    mine, theirs = enrol(pair.first), enrol(pair.first)
    token = challenge(pair.first, theirs)
    for proof in ({"totp_code": mine.code()}, {"recovery_code": mine.recovery_codes[0]}):
        attempt = partial(complete, pair.first, token, **proof)
        assert refusal(attempt) == "INVALID_FACTOR"
    for odd in ("asc_" + "A" * 32, "asc_", token[:-1], token.swapcase(), "x", "asr_" + token[4:]):
        attempt = partial(complete, pair.first, odd, totp_code=theirs.code())
        assert refusal(attempt) == "INVALID_CHALLENGE"
    assert complete(pair.first, token, totp_code=theirs.code()).session_id


# What the tokens say


def test_p_ref_7_a_second_factor_opens_a_new_session_that_says_how(pair: Pair) -> None:
    owner = enrol(pair.first)
    enrolled = verify(pair.first, owner.tokens.access_token)
    assert (enrolled.amr, enrolled.acr) == (["pwd", "otp", "mfa"], "aal2")

    token = challenge(pair.first, owner, scopes=["orders.read"], audience="orders")
    tokens = complete(pair.second, token, totp_code=owner.code())
    renewed = refresh(pair.first, tokens.refresh_token)

    assert tokens.session_id == renewed.session_id != owner.tokens.session_id
    for given in (tokens, renewed):
        introspected = pair.first.token.IntrospectToken(
            IntrospectTokenRequest(token=given.access_token)
        ).claims
        assert introspected.audience == "orders"
        assert introspected.scopes == ["orders.read"]
        assert (introspected.amr, introspected.acr) == (["pwd", "otp", "mfa"], "aal2")
    session = pair.first.token.IntrospectToken(
        IntrospectTokenRequest(token=renewed.refresh_token)
    ).claims
    assert (session.amr, session.acr) == (["pwd", "otp", "mfa"], "aal2")


def test_p_obs_1_what_happens_to_factors_is_recorded(own: Service) -> None:
    owner = enrol(own)
    token = challenge(own, owner)
    refusal(partial(complete, own, token, totp_code=owner.wrong_code()))
    tokens = complete(own, token, totp_code=owner.code())
    me = bearer(tokens.access_token)
    own.factor.RegenerateRecoveryCodes(RegenerateRecoveryCodesRequest(), metadata=me)
    own.factor.DeleteFactor(DeleteFactorRequest(factor_id=owner.factor_id), metadata=me)
    own.factor.ResetFactors(ResetFactorsRequest(account_id=owner.account_id))

    assert {
        kind: events(own, kind)
        for kind in (
            *("factor.offered", "factor.enrolled", "login.challenged", "factor.used", "login"),
            *("recovery_codes.replaced", "factor.deleted", "factors.reset"),
        )
    } == {
        "factor.offered": 1,
        "factor.enrolled": 1,
        "login.challenged": 1,
        "factor.used": 2,
        "login": 2,
        "recovery_codes.replaced": 1,
        "factor.deleted": 1,
        "factors.reset": 1,
    }

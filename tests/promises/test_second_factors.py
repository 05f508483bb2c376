"""An enrolled factor is needed, counts once, and can't be guessed or got round (P-MFA)."""

import re
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import grpc
import pytest
from authn.v1.account_service_pb2 import (
    ChangePasswordRequest,
    DeleteAccountRequest,
    DisableAccountRequest,
    EnableAccountRequest,
)
from authn.v1.auth_service_pb2 import CompleteMfaRequest, LoginRequest
from authn.v1.factor_pb2 import FactorType
from authn.v1.factor_service_pb2 import (
    ConfirmTotpRequest,
    DeleteFactorRequest,
    EnrollTotpRequest,
    ListFactorsRequest,
    RegenerateRecoveryCodesRequest,
    ResetFactorsRequest,
)
from authn.v1.session_service_pb2 import RevokeAllSessionsRequest
from authn.v1.token_pb2 import TokenSet
from authn.v1.token_service_pb2 import IntrospectTokenRequest
from sqlalchemy import update

from authsvc.stores.sql.engine import connect
from authsvc.stores.sql.schema import accounts
from authsvc.stores.sql.transactions import write
from tests.promises.asking import Pair, events, is_dead, refresh, verify
from tests.promises.phone import Owner, challenge, complete, enrol, steps_later
from tests.service import PASSWORD, Service, bearer, reason
from tests.stores.hot.servers import Server
from tests.stores.races import at_once

OTHER_PASSWORD = PASSWORD + " and more"


def refusal(call: Callable[[], object]) -> str:
    """Give the reason for which a call is refused; "" if it is not."""
    try:
        call()
    except grpc.RpcError as error:
        return reason(error)
    return ""


def reasons(calls: list[Callable[[], object]]) -> list[str]:
    """Call all at once; give the reason for which each is refused."""
    outcomes = at_once([partial(refusal, call) for call in calls])
    assert all(isinstance(outcome, str) for outcome in outcomes)
    return [str(outcome) for outcome in outcomes]


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
        lambda code: "".join(chr(ord("０") + int(digit)) for digit in code),
        lambda code: "".join(chr(ord("٠") + int(digit)) for digit in code),
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


def test_p_mfa_1_the_window_is_one_step_wide_on_either_side(own: Service) -> None:
    owner = enrol(own)
    own.clock.offset = steps_later(10)
    for steps in (8, 12):
        attempt = partial(complete, own, challenge(own, owner), totp_code=owner.code(steps))
        assert refusal(attempt) == "INVALID_FACTOR"
    for steps in (9, 10, 11):
        complete(own, challenge(own, owner), totp_code=owner.code(steps))


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

    assert sorted(outcomes) == ["INVALID_FACTOR"] * 10 + ["TOO_MANY_ATTEMPTS"] * 30


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
    for code in ("x", "0" * 24, "ａ" * 16, owner.recovery_codes[0][:-1]):
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


def test_p_mfa_3_what_was_opened_before_the_enrolment_is_dead(pair: Pair) -> None:
    registered = pair.first.register()
    me = bearer(registered.tokens.access_token)
    elsewhere = pair.second.login(registered.account.username)
    new = pair.first.factor.EnrollTotp(EnrollTotpRequest(display_name="phone"), metadata=me)
    assert not is_dead(pair.first, elsewhere)

    confirm_right(pair.first, new.factor_id, new.secret, me)

    for service in pair:
        assert is_dead(service, registered.tokens)
        assert is_dead(service, elsewhere)


def confirm_right(service: Service, factor_id: str, secret: str, me: object) -> TokenSet:
    """Confirm an app by its present code."""
    import pyotp  # noqa: PLC0415

    code = pyotp.TOTP(secret).at(service.clock())
    request = ConfirmTotpRequest(factor_id=factor_id, totp_code=code)
    return service.factor.ConfirmTotp(request, metadata=me).tokens


def weak_session(service: Service) -> TokenSet:
    """A session by password alone of an account that has a second factor: there should be none."""
    registered = service.register()
    engine = connect(service.app.config.sql_url())
    this = accounts.c.account_id == registered.account.account_id
    write(engine, lambda c: c.execute(update(accounts).where(this).values(has_second_factor=True)))
    engine.dispose()
    return registered.tokens


@pytest.mark.parametrize(
    "change",
    [
        lambda service, me: service.account.ChangePassword(
            ChangePasswordRequest(current_password=PASSWORD, new_password=OTHER_PASSWORD),
            metadata=me,
        ),
        lambda service, me: service.factor.EnrollTotp(
            EnrollTotpRequest(display_name="x"), metadata=me
        ),
        lambda service, me: service.factor.ConfirmTotp(
            ConfirmTotpRequest(factor_id="fac_" + "0" * 32, totp_code="000000"), metadata=me
        ),
        lambda service, me: service.factor.RegenerateRecoveryCodes(
            RegenerateRecoveryCodesRequest(), metadata=me
        ),
        lambda service, me: service.factor.DeleteFactor(
            DeleteFactorRequest(factor_id="fac_" + "0" * 32), metadata=me
        ),
    ],
)
def test_p_mfa_3_a_session_without_the_factor_changes_nothing(
    change: Callable[[Service, object], object], pair: Pair
) -> None:
    me = bearer(weak_session(pair.first).access_token)
    attempt = partial(change, pair.first, me)
    assert refusal(attempt) == "INSUFFICIENT_USER_AUTHENTICATION"


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


# Recovery codes


def test_p_mfa_4_a_recovery_code_opens_one_of_fifty_sessions_at_once(pair: Pair) -> None:
    owner = enrol(pair.first)
    code = owner.recovery_codes[3]
    challenges = [challenge(pair[n % 2], owner) for n in range(50)]

    outcomes = reasons(
        [
            partial(complete, pair[n % 2], token, recovery_code=code)
            for n, token in enumerate(challenges)
        ]
    )

    assert outcomes.count("") == 1
    assert set(outcomes) <= {"", "INVALID_FACTOR", "TOO_MANY_ATTEMPTS"}


@pytest.mark.parametrize(
    "respell",
    [
        str.lower,
        lambda code: code.replace("-", ""),
        lambda code: code.replace("-", " "),
        lambda code: f" {code.replace('-', ' - ')} ".replace("0", "o").replace("1", "l"),
    ],
)
def test_p_mfa_4_a_recovery_code_is_used_up_in_all_its_spellings(
    respell: Callable[[str], str], pair: Pair
) -> None:
    owner = enrol(pair.first)
    code = owner.recovery_codes[0]
    complete(pair.first, challenge(pair.first, owner), recovery_code=respell(code))
    again = partial(complete, pair.first, challenge(pair.first, owner), recovery_code=code)
    assert refusal(again) == "INVALID_FACTOR"
    assert listed(pair.first, owner)[1] == 9


def test_p_mfa_4_recovery_codes_are_long_and_come_with_the_first_factor_alone(pair: Pair) -> None:
    owner = enrol(pair.first)
    assert len(set(owner.recovery_codes)) == 10
    for code in owner.recovery_codes:
        assert re.fullmatch(r"([0-9A-HJKMNP-TV-Z]{4}-){5}[0-9A-HJKMNP-TV-Z]{4}", code)

    me = bearer(owner.tokens.access_token)
    new = pair.first.factor.EnrollTotp(EnrollTotpRequest(display_name="tablet"), metadata=me)
    tokens = confirm_right(pair.first, new.factor_id, new.secret, me)

    factors = pair.first.factor.ListFactors(
        ListFactorsRequest(), metadata=bearer(tokens.access_token)
    )
    assert [factor.display_name for factor in factors.factors] == ["phone", "tablet"]
    assert factors.recovery_codes_left == 10
    complete(pair.first, challenge(pair.first, owner), recovery_code=owner.recovery_codes[9])


def test_p_mfa_4_new_recovery_codes_replace_all_old_ones(pair: Pair) -> None:
    owner = enrol(pair.first)
    me = bearer(owner.tokens.access_token)
    request = RegenerateRecoveryCodesRequest()
    new = pair.first.factor.RegenerateRecoveryCodes(request, metadata=me).recovery_codes

    assert len(set(new) | set(owner.recovery_codes)) == 20
    token = challenge(pair.first, owner)
    for code in owner.recovery_codes[:3]:
        old = partial(complete, pair.first, token, recovery_code=code)
        assert refusal(old) == "INVALID_FACTOR"
    assert complete(pair.first, token, recovery_code=new[0]).session_id


def test_p_mfa_4_no_secret_is_kept_in_clear_or_told_again(own: Service) -> None:
    owner = enrol(own)
    complete(own, challenge(own, owner), recovery_code=owner.recovery_codes[0])
    kept = b"".join(
        path.read_bytes()
        for path in own.app.config.data.iterdir()
        if path.is_file() and path.name.startswith("authsvc.db")
    )
    assert owner.factor_id.encode() in kept
    for secret in (owner.seed, owner.secret.encode(), owner.secret.lower().encode()):
        assert secret not in kept
    for code in owner.recovery_codes:
        assert code.encode() not in kept
        assert code.replace("-", "").encode() not in kept

    [factor], _ = listed(own, owner)
    assert factor.factor_id == owner.factor_id
    assert owner.secret not in str(factor)


def listed(service: Service, owner: Owner) -> tuple[list[object], int]:
    """An administrator's view of somebody's factors."""
    found = service.factor.ListFactors(ListFactorsRequest(account_id=owner.account_id))
    return list(found.factors), found.recovery_codes_left


# What ends a challenge


def _disable(service: Service, owner: Owner) -> None:
    service.account.DisableAccount(DisableAccountRequest(account_id=owner.account_id))


def _disable_and_enable(service: Service, owner: Owner) -> None:
    _disable(service, owner)
    service.account.EnableAccount(EnableAccountRequest(account_id=owner.account_id))


def _delete(service: Service, owner: Owner) -> None:
    service.account.DeleteAccount(DeleteAccountRequest(account_id=owner.account_id))


def _revoke_all(service: Service, owner: Owner) -> None:
    service.session.RevokeAllSessions(RevokeAllSessionsRequest(account_id=owner.account_id))


def _reset_factors(service: Service, owner: Owner) -> None:
    service.factor.ResetFactors(ResetFactorsRequest(account_id=owner.account_id))


def _change_password(service: Service, owner: Owner) -> None:
    change = ChangePasswordRequest(current_password=PASSWORD, new_password=OTHER_PASSWORD)
    service.account.ChangePassword(change, metadata=bearer(owner.tokens.access_token))


def _delete_factor(service: Service, owner: Owner) -> None:
    request = DeleteFactorRequest(factor_id=owner.factor_id)
    service.factor.DeleteFactor(request, metadata=bearer(owner.tokens.access_token))


def _enrol_another(service: Service, owner: Owner) -> None:
    me = bearer(owner.tokens.access_token)
    new = service.factor.EnrollTotp(EnrollTotpRequest(display_name="tablet"), metadata=me)
    confirm_right(service, new.factor_id, new.secret, me)


@pytest.mark.parametrize(
    "end",
    [
        _disable,
        _disable_and_enable,
        _delete,
        _revoke_all,
        _reset_factors,
        _change_password,
        _delete_factor,
        _enrol_another,
    ],
)
def test_p_rev_4_whatever_ends_sessions_ends_pending_challenges(
    end: Callable[[Service, Owner], None], pair: Pair
) -> None:
    owner = enrol(pair.first)
    token = challenge(pair.first, owner)

    end(pair.first, owner)

    for proof in ({"totp_code": owner.code()}, {"recovery_code": owner.recovery_codes[0]}):
        attempt = partial(complete, pair.second, token, **proof)
        assert refusal(attempt) == "INVALID_CHALLENGE"
    assert is_dead(pair.second, owner.tokens)


def test_p_rev_4_a_factor_offered_before_the_epoch_was_raised_can_not_be_enrolled(
    pair: Pair,
) -> None:
    registered = pair.first.register()
    thief = bearer(registered.tokens.access_token)
    new = pair.first.factor.EnrollTotp(EnrollTotpRequest(display_name="mine"), metadata=thief)

    request = RevokeAllSessionsRequest(account_id=registered.account.account_id)
    pair.first.session.RevokeAllSessions(request)

    attempt = partial(confirm_right, pair.first, new.factor_id, new.secret, thief)
    assert refusal(attempt) == "TOKEN_INACTIVE"
    owner = bearer(pair.first.login(registered.account.username).access_token)
    attempt = partial(confirm_right, pair.first, new.factor_id, new.secret, owner)
    assert refusal(attempt) == "FACTOR_NOT_FOUND"


def test_p_rev_4_a_challenge_ends_after_five_minutes(own: Service) -> None:
    owner = enrol(own)
    token = challenge(own, owner)
    own.clock.offset = timedelta(minutes=5)
    attempt = partial(complete, own, token, totp_code=owner.code(10))
    assert refusal(attempt) == "INVALID_CHALLENGE"
    assert complete(own, challenge(own, owner), totp_code=owner.code(10)).session_id


def test_p_flt_2_an_emptied_redis_knows_no_challenge_and_opens_no_session(
    own: Service, own_redis: Server
) -> None:
    owner = enrol(own)
    token = challenge(own, owner)
    with own_redis.client() as client:
        client.flushall()
    attempt = partial(complete, own, token, totp_code=owner.code())
    assert refusal(attempt) == "INVALID_CHALLENGE"
    assert complete(own, challenge(own, owner), totp_code=owner.code()).session_id


def test_p_flt_1_without_redis_a_code_is_neither_right_nor_wrong(
    own: Service, own_redis: Server
) -> None:
    owner = enrol(own)
    token = challenge(own, owner)
    own_redis.kill()
    for code in (owner.code(), owner.wrong_code()):
        attempt = partial(complete, own, token, totp_code=code)
        assert refusal(attempt) == "STORE_UNAVAILABLE"


# Who may change factors


def test_p_mfa_3_a_stolen_access_token_enrols_nothing_once_the_login_is_old(own: Service) -> None:
    tokens = own.register().tokens
    own.clock.offset = timedelta(minutes=9)
    tokens = refresh(own, tokens.refresh_token)
    own.clock.offset = timedelta(minutes=10, seconds=5)

    request = EnrollTotpRequest(display_name="mine")
    with pytest.raises(grpc.RpcError) as caught:
        own.factor.EnrollTotp(request, metadata=bearer(tokens.access_token))

    assert reason(caught.value) == "INSUFFICIENT_USER_AUTHENTICATION"
    assert wanted(caught.value) == {"max_age": "600"}


def wanted(error: grpc.RpcError) -> dict[str, str]:
    """What ErrorInfo says is wanted."""
    from google.rpc.error_details_pb2 import ErrorInfo  # noqa: PLC0415
    from grpc_status import rpc_status  # noqa: PLC0415

    info = ErrorInfo()
    status = rpc_status.from_call(error)
    assert status is not None
    assert status.details[0].Unpack(info)
    return dict(info.metadata)


def test_an_enrolment_that_is_not_confirmed_in_time_is_none(own: Service) -> None:
    me = bearer(own.register().tokens.access_token)
    new = own.factor.EnrollTotp(EnrollTotpRequest(display_name="phone"), metadata=me)
    own.clock.offset = timedelta(minutes=5)
    tokens = own.login(own.account.GetAccount({}, metadata=me).account.username)
    own.clock.offset = timedelta(minutes=10)
    me = bearer(tokens.access_token)
    attempt = partial(confirm_right, own, new.factor_id, new.secret, me)
    assert refusal(attempt) == "FACTOR_NOT_FOUND"


def test_of_two_enrolments_the_later_counts(pair: Pair) -> None:
    me = bearer(pair.first.register().tokens.access_token)
    first, second = (
        pair.first.factor.EnrollTotp(EnrollTotpRequest(display_name="phone"), metadata=me)
        for _ in range(2)
    )
    attempt = partial(confirm_right, pair.first, first.factor_id, first.secret, me)
    assert refusal(attempt) == "FACTOR_NOT_FOUND"
    assert confirm_right(pair.first, second.factor_id, second.secret, me).session_id


def test_of_confirmations_at_once_one_enrols(pair: Pair) -> None:
    me = bearer(pair.first.register().tokens.access_token)
    new = pair.first.factor.EnrollTotp(EnrollTotpRequest(display_name="phone"), metadata=me)

    outcomes = reasons(
        [partial(confirm_right, pair[n % 2], new.factor_id, new.secret, me) for n in range(8)]
    )

    assert outcomes.count("") == 1
    assert set(outcomes) <= {"", "TOKEN_INACTIVE", "FACTOR_NOT_FOUND"}


def test_an_account_has_three_apps_at_most(pair: Pair) -> None:
    tokens = enrol(pair.first).tokens
    for _ in range(2):
        me = bearer(tokens.access_token)
        new = pair.first.factor.EnrollTotp(EnrollTotpRequest(display_name="x"), metadata=me)
        tokens = confirm_right(pair.first, new.factor_id, new.secret, me)
    me = bearer(tokens.access_token)
    attempt = partial(
        pair.first.factor.EnrollTotp, EnrollTotpRequest(display_name="x"), metadata=me
    )
    assert refusal(attempt) == "FACTOR_LIMIT_REACHED"


def test_the_last_factor_takes_the_recovery_codes_with_it(pair: Pair) -> None:
    owner = enrol(pair.first)
    me = bearer(owner.tokens.access_token)
    deleted = pair.first.factor.DeleteFactor(
        DeleteFactorRequest(factor_id=owner.factor_id), metadata=me
    )
    me = bearer(deleted.tokens.access_token)

    assert listed(pair.first, owner) == ([], 0)
    assert pair.second.login(owner.username).session_id
    attempt = partial(
        pair.first.factor.RegenerateRecoveryCodes, RegenerateRecoveryCodesRequest(), metadata=me
    )
    assert refusal(attempt) == "FACTOR_NOT_FOUND"


def test_a_factor_of_somebody_else_is_not_known(pair: Pair) -> None:
    mine, theirs = enrol(pair.first), enrol(pair.first)
    request = DeleteFactorRequest(factor_id=theirs.factor_id)
    me = bearer(mine.tokens.access_token)
    attempt = partial(pair.first.factor.DeleteFactor, request, metadata=me)
    assert refusal(attempt) == "FACTOR_NOT_FOUND"
    assert not is_dead(pair.first, theirs.tokens)


def test_a_reset_leaves_the_password_alone(pair: Pair) -> None:
    owner = enrol(pair.first)
    request = ResetFactorsRequest(account_id=owner.account_id)
    revision = pair.first.factor.ResetFactors(request).revision

    assert is_dead(pair.second, owner.tokens)
    tokens = pair.second.login(owner.username)
    assert verify(pair.second, tokens.access_token, min_revision=revision).acr == "aal1"
    assert listed(pair.first, owner) == ([], 0)


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
    _reset_factors(own, owner)

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

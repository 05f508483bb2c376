"""A reset ends all that the old password opened, and opens nothing (P-REV-4, P-MFA-3)."""

from authn.v1.auth_service_pb2 import (
    CompletePasswordResetRequest,
    CompletePasswordResetResponse,
    CompleteVerificationResponse,
    StartPasswordResetRequest,
)

from tests.promises.asking import Pair, is_dead, refresh, verify_refusal
from tests.promises.codes import (
    NEW_PASSWORD,
    account,
    complete,
    kept_codes,
    logs_in,
    new_number,
    seen,
    start,
)
from tests.service import PASSWORD


def test_p_rev_4_a_reset_ends_every_session_and_token_and_opens_none(pair: Pair) -> None:
    made = account(pair.first)
    first = pair.first.login(made.username)
    before = pair.first.login(made.username)
    second = refresh(pair.first, before.refresh_token)  # the grace window of the first is open
    code = start(pair.first, made.email)

    request = CompletePasswordResetRequest(email=made.email, code=code, new_password=NEW_PASSWORD)
    answer = pair.second.auth.CompletePasswordReset(request)

    for service in pair:
        for tokens in (first, before, second):
            assert is_dead(service, tokens)
            refused = verify_refusal(service, tokens.access_token, min_revision=answer.revision)
            assert refused == "TOKEN_INACTIVE"
    assert not logs_in(pair.first, made, PASSWORD)
    assert logs_in(pair.first, made, NEW_PASSWORD)
    after = seen(pair.first, made)
    assert not kept_codes(pair.first, made)
    assert after.epoch == made.epoch + 1
    assert after.password_change_time.ToDatetime() > made.password_change_time.ToDatetime()


def test_p_mfa_3_a_reset_and_a_verification_answer_with_no_token() -> None:
    """What is in the answer can be no way around a second factor."""
    names = [field.name for field in CompletePasswordResetResponse.DESCRIPTOR.fields]
    assert names == ["revision"]
    assert not CompleteVerificationResponse.DESCRIPTOR.fields


def test_a_password_is_reset_by_a_verified_phone_number(pair: Pair) -> None:
    made = account(pair.first, email="", phone_number=new_number())
    request = StartPasswordResetRequest(phone_number=made.phone_number)
    code = pair.first.auth.StartPasswordReset(request).code

    pair.first.auth.CompletePasswordReset(
        CompletePasswordResetRequest(
            phone_number=made.phone_number, code=code, new_password=NEW_PASSWORD
        )
    )

    assert logs_in(pair.first, made)


def test_a_password_that_is_refused_uses_no_code_up(pair: Pair) -> None:
    made = account(pair.first)
    code = start(pair.first, made.email)
    for refused in ("short", made.username, "a" * 40):
        assert complete(pair.first, code, made.email, refused) == "PASSWORD_REJECTED"
        assert complete(pair.first, "1", made.email, refused) == "INVALID_CODE"

    assert complete(pair.first, code, made.email) == ""

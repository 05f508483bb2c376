"""Recovery codes open one session each, and no secret is told twice (P-MFA-4)."""

import re
from collections.abc import Callable
from functools import partial

import pytest
from authn.v1.factor_service_pb2 import (
    EnrollTotpRequest,
    ListFactorsRequest,
    RegenerateRecoveryCodesRequest,
)

from tests.promises.asking import Pair, reasons, refusal
from tests.promises.phone import challenge, complete, confirm, enrol, listed
from tests.service import PASSWORD, Service, bearer

OTHER_PASSWORD = PASSWORD + " and more"


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
    tokens = confirm(pair.first, new.factor_id, new.secret, me)

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

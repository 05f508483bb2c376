"""Where every session begins, none begins without the factors that its account has (P-MFA-3)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from authsvc.domain.accounts import Account
from authsvc.domain.calls import Call
from authsvc.domain.events import Event
from authsvc.domain.grant_policy import GrantPolicy
from authsvc.domain.grants import GrantRequest, Grants
from authsvc.errors import InsufficientUserAuthentication
from tests.domain.test_reauthentication import ACCOUNT, NOW, call

POLICY = GrantPolicy(
    default_audience="authsvc",
    audiences=None,
    scopes=None,
    idle_lifetime=timedelta(days=1),
    absolute_lifetime=timedelta(days=30),
    sessions_per_account=10,
)


class Reached(Exception):
    """A session was about to be kept."""


class Devices:
    """Learns of those who get in."""

    def remember(self, *_: object) -> None: ...


class Sessions:
    """Has only to be reached or not."""

    def open(self, *_: object, **__: object) -> None:
        raise Reached


def record(_: Event) -> None:
    raise AssertionError


@pytest.fixture(name="grants")
def _grants() -> Grants:
    sessions: Any = Sessions()
    devices: Any = Devices()
    nothing: Any = None
    return Grants(
        sessions=sessions,
        codec=nothing,
        issuer=nothing,
        revoker=nothing,
        devices=devices,
        policy=POLICY,
        record=record,
        clock=lambda: NOW,
    )


@pytest.mark.parametrize(
    ("has_second_factor", "acr", "amr", "opens"),
    [
        (False, "", ("pwd",), True),
        (False, "aal1", ("pwd",), True),
        (False, "aal2", ("pwd",), False),
        (False, "aal2", ("pwd", "otp", "mfa"), True),
        (True, "", ("pwd",), False),
        (True, "aal1", ("pwd",), False),
        (True, "", (), False),
        (True, "", ("pwd", "otp"), False),
        (True, "", ("hwk", "mfa"), True),
        (True, "", ("pwd", "otp", "mfa"), True),
    ],
)
def test_p_mfa_3_no_path_opens_a_session_below_what_the_account_has(
    has_second_factor: bool, acr: str, amr: tuple[str, ...], opens: bool, grants: Grants
) -> None:
    account = replace(ACCOUNT, has_second_factor=has_second_factor)
    with pytest.raises(Reached if opens else InsufficientUserAuthentication):
        grants.open(call(), account, GrantRequest(acr=acr), amr=amr)


@pytest.mark.parametrize(
    ("amr", "methods", "opens"),
    [
        (["pwd"], (), False),
        (["pwd"], ("otp", "mfa"), True),
        (["pwd", "otp", "mfa"], ("pwd",), True),
    ],
)
def test_p_mfa_3_a_renewed_session_is_no_stronger_than_what_was_proven(
    amr: list[str], methods: tuple[str, ...], opens: bool, grants: Grants
) -> None:
    account: Account = replace(ACCOUNT, has_second_factor=True)
    caller: Call = call(amr=amr)
    with pytest.raises(Reached if opens else InsufficientUserAuthentication):
        grants.renew(
            caller, account, methods=methods, session_id=Grants.new_session(account.account_id)
        )

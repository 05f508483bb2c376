"""Accounts with second factors, and the authenticator app that shows their codes."""

import base64
from dataclasses import dataclass

import pyotp
from authn.v1.auth_service_pb2 import CompleteMfaRequest, LoginRequest
from authn.v1.factor_pb2 import Factor
from authn.v1.factor_service_pb2 import (
    ConfirmTotpRequest,
    EnrollTotpRequest,
    ListFactorsRequest,
)
from authn.v1.token_pb2 import TokenSet

from authsvc.domain.totp import step_at
from tests.service import PASSWORD, Service, bearer


@dataclass(kw_only=True)
class Owner:
    """Somebody with an authenticator app."""

    account_id: str
    username: str
    factor_id: str
    secret: str
    first_step: int
    """The step of the code that enrolled the app."""
    recovery_codes: list[str]
    tokens: TokenSet
    """Of the session that the enrolment gave."""

    def code(self, steps: int = 1) -> str:
        """The code so many steps after the one that enrolled the app."""
        return pyotp.TOTP(self.secret).generate_otp(self.first_step + steps)

    def wrong_code(self) -> str:
        """A code that no step near is of."""
        near = {self.code(steps) for steps in range(-5, 6)}
        return next(code for n in range(20) if (code := f"{n:06}") not in near)

    @property
    def seed(self) -> bytes:
        """The secret, as it is kept."""
        return base64.b32decode(self.secret)


def enrol(service: Service, *, display_name: str = "phone") -> Owner:
    """Make an account with an authenticator app. Its clock must not go 30 s in a test."""
    registered = service.register()
    me = bearer(registered.tokens.access_token)
    new = service.factor.EnrollTotp(EnrollTotpRequest(display_name=display_name), metadata=me)
    step = step_at(service.clock())
    request = ConfirmTotpRequest(
        factor_id=new.factor_id, totp_code=pyotp.TOTP(new.secret).generate_otp(step)
    )
    enrolled = service.factor.ConfirmTotp(request, metadata=me)
    return Owner(
        account_id=registered.account.account_id,
        username=registered.account.username,
        factor_id=new.factor_id,
        secret=new.secret,
        first_step=step,
        recovery_codes=list(enrolled.recovery_codes),
        tokens=enrolled.tokens,
    )


def challenge(service: Service, owner: Owner, password: str = PASSWORD, **fields: object) -> str:
    """Log in as far as the password goes; give the token of the challenge."""
    request = LoginRequest(identifier=owner.username, password=password, **fields)  # type: ignore[arg-type]
    outcome = service.auth.Login(request)
    assert outcome.WhichOneof("outcome") == "mfa_challenge"
    return outcome.mfa_challenge.challenge_token


def complete(service: Service, challenge_token: str, **proof: str) -> TokenSet:
    """Answer a challenge."""
    request = CompleteMfaRequest(challenge_token=challenge_token, **proof)
    return service.auth.CompleteMfa(request).tokens


def confirm(
    service: Service, factor_id: str, secret: str, me: tuple[tuple[str, str], ...]
) -> TokenSet:
    """Confirm an app by its present code."""
    code = pyotp.TOTP(secret).at(service.clock())
    request = ConfirmTotpRequest(factor_id=factor_id, totp_code=code)
    return service.factor.ConfirmTotp(request, metadata=me).tokens


def listed(service: Service, owner: Owner) -> tuple[list[Factor], int]:
    """An administrator's view of somebody's factors."""
    found = service.factor.ListFactors(ListFactorsRequest(account_id=owner.account_id))
    return list(found.factors), found.recovery_codes_left

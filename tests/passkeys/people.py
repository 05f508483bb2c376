"""People with authenticators, who enrol passkeys and log in by them."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from authn.v1.auth_service_pb2 import (
    CompleteMfaRequest,
    FinishPasskeyLoginRequest,
    LoginRequest,
    MfaChallenge,
    StartPasskeyLoginRequest,
    StartPasskeyLoginResponse,
)
from authn.v1.factor_service_pb2 import (
    FinishPasskeyEnrollmentRequest,
    FinishPasskeyEnrollmentResponse,
    StartPasskeyEnrollmentRequest,
    StartPasskeyEnrollmentResponse,
)
from authn.v1.token_pb2 import TokenClaims, TokenSet
from authn.v1.token_service_pb2 import VerifyTokenRequest

from tests.authenticator import HONEST, Authenticator, Twist
from tests.service import PASSWORD, Service, bearer
from tests.transport.calls import outcome

Metadata = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Person:
    """Somebody with an account, logged in, and an authenticator."""

    service: Service
    authenticator: Authenticator = field(default_factory=Authenticator)
    username: str = ""
    account_id: str = ""
    tokens: TokenSet = field(default_factory=TokenSet)

    def __post_init__(self) -> None:
        registered = self.service.register()
        self.username = registered.account.username
        self.account_id = registered.account.account_id
        self.tokens = registered.tokens

    @property
    def me(self) -> Metadata:
        """The metadata of a call for oneself."""
        return bearer(self.tokens.access_token)

    def start_enrolment(self) -> StartPasskeyEnrollmentResponse:
        """Begin to enrol a passkey."""
        request = StartPasskeyEnrollmentRequest(display_name="Phone")
        return self.service.factor.StartPasskeyEnrollment(request, metadata=self.me)

    def finish_enrolment(
        self, started: StartPasskeyEnrollmentResponse, credential: str
    ) -> FinishPasskeyEnrollmentResponse:
        """Enrol what the authenticator has made."""
        request = FinishPasskeyEnrollmentRequest(
            challenge_token=started.challenge_token, credential=credential
        )
        return self.service.factor.FinishPasskeyEnrollment(request, metadata=self.me)

    def enrol(self) -> FinishPasskeyEnrollmentResponse:
        """Enrol a passkey and go on with the new session."""
        started = self.start_enrolment()
        answer = self.finish_enrolment(started, self.authenticator.create(started.creation_options))
        self.tokens = answer.tokens
        return answer

    def start_login(self, identifier: str = "") -> StartPasskeyLoginResponse:
        """Begin a login by passkey."""
        return self.service.auth.StartPasskeyLogin(StartPasskeyLoginRequest(identifier=identifier))

    def finish_login(self, started: StartPasskeyLoginResponse, assertion: str) -> TokenSet:
        """Finish it."""
        request = FinishPasskeyLoginRequest(
            challenge_token=started.challenge_token, passkey_assertion=assertion
        )
        return self.service.auth.FinishPasskeyLogin(request).tokens

    def login(self, twist: Twist = HONEST, *, identifier: str = "") -> TokenSet:
        """Log in by passkey."""
        started = self.start_login(identifier)
        return self.finish_login(started, self.authenticator.get(started.request_options, twist))

    def password(self) -> MfaChallenge:
        """Log in by password, as far as it goes."""
        request = LoginRequest(identifier=self.username, password=PASSWORD)
        return self.service.auth.Login(request).mfa_challenge

    def second(self, challenge: MfaChallenge, assertion: str) -> TokenSet:
        """Complete a login by an assertion."""
        request = CompleteMfaRequest(
            challenge_token=challenge.challenge_token, passkey_assertion=assertion
        )
        return self.service.auth.CompleteMfa(request).tokens

    def both(self, twist: Twist = HONEST) -> TokenSet:
        """Log in by password and passkey."""
        challenge = self.password()
        answer = self.authenticator.get(challenge.passkey_request_options, twist)
        return self.second(challenge, answer)

    def claims(self, tokens: TokenSet) -> TokenClaims:
        """What an access token says."""
        request = VerifyTokenRequest(access_token=tokens.access_token)
        return self.service.token.VerifyToken(request).claims


def shape(options: str) -> str:
    """Options without the one thing that is different each time."""
    return json.dumps({**json.loads(options), "challenge": "-"})


def all_at_once(call: Callable[[], object], times: int = 50) -> list[str]:
    """The outcomes of many calls that are made together."""
    with ThreadPoolExecutor(16) as threads:
        return list(threads.map(lambda _: outcome(call), range(times)))

"""AuthService: between its messages and login, registration, grants, their ends, and codes."""

from dataclasses import replace

import grpc
from authn.v1 import auth_service_pb2 as pb
from authn.v1.auth_service_pb2_grpc import AuthServiceServicer

from authsvc.domain.address_verification import AddressVerification
from authsvc.domain.grants import GrantRequest, Grants
from authsvc.domain.identifiers import AccountId
from authsvc.domain.login import Login
from authsvc.domain.passkey_login import PasskeyLogin
from authsvc.domain.password_reset import PasswordReset
from authsvc.domain.registration import NewAccount, Registration
from authsvc.domain.second_factor import MfaChallenge, Proof, ProofKind, SecondFactor
from authsvc.domain.verification import Verification
from authsvc.transport.codes import address, code_format, required_address
from authsvc.transport.context import current_call
from authsvc.transport.messages import (
    account_message,
    client_info,
    mfa_challenge,
    timestamp,
    token_set,
)

_PROOFS = {
    "totp_code": ProofKind.TOTP,
    "recovery_code": ProofKind.RECOVERY_CODE,
    "passkey_assertion": ProofKind.PASSKEY,
}


class AuthService(AuthServiceServicer):
    """Logging in and out."""

    def __init__(
        self,
        *,
        login: Login,
        registration: Registration,
        grants: Grants,
        second_factor: SecondFactor,
        passkey_login: PasskeyLogin,
        verification: Verification,
        password_reset: PasswordReset,
        address_verification: AddressVerification,
    ) -> None:
        self._login = login
        self._registration = registration
        self._grants = grants
        self._second_factor = second_factor
        self._passkey_login = passkey_login
        self._verification = verification
        self._password_reset = password_reset
        self._address_verification = address_verification

    def Register(self, request: pb.RegisterRequest, _: grpc.ServicerContext) -> pb.RegisterResponse:
        new = NewAccount(
            username=request.username, email=request.email or None, password=request.password
        )
        account, tokens = self._registration.register(current_call(), new, _grant(request))
        return pb.RegisterResponse(account=account_message(account), tokens=token_set(tokens))

    def Login(self, request: pb.LoginRequest, _: grpc.ServicerContext) -> pb.LoginResponse:
        outcome = self._login.by_password(
            current_call(),
            request.identifier,
            request.password,
            replace(_grant(request), acr=request.acr),
        )
        if isinstance(outcome, MfaChallenge):
            return pb.LoginResponse(mfa_challenge=mfa_challenge(outcome))
        return pb.LoginResponse(tokens=token_set(outcome))

    def CompleteMfa(
        self, request: pb.CompleteMfaRequest, _: grpc.ServicerContext
    ) -> pb.CompleteMfaResponse:
        tokens = self._second_factor.complete(
            current_call(), request.challenge_token, _proof(request)
        )
        return pb.CompleteMfaResponse(tokens=token_set(tokens))

    def StartPasskeyLogin(
        self, request: pb.StartPasskeyLoginRequest, _: grpc.ServicerContext
    ) -> pb.StartPasskeyLoginResponse:
        asked = self._passkey_login.start(current_call(), request.identifier)
        return pb.StartPasskeyLoginResponse(
            challenge_token=asked.token,
            request_options=asked.options,
            expire_time=timestamp(asked.expire_time),
        )

    def FinishPasskeyLogin(
        self, request: pb.FinishPasskeyLoginRequest, _: grpc.ServicerContext
    ) -> pb.FinishPasskeyLoginResponse:
        tokens = self._passkey_login.finish(
            current_call(), request.challenge_token, request.passkey_assertion, _grant(request)
        )
        return pb.FinishPasskeyLoginResponse(tokens=token_set(tokens))

    def Refresh(self, request: pb.RefreshRequest, _: grpc.ServicerContext) -> pb.RefreshResponse:
        tokens = self._grants.refresh(current_call(), request.refresh_token)
        return pb.RefreshResponse(tokens=token_set(tokens))

    def Logout(self, request: pb.LogoutRequest, _: grpc.ServicerContext) -> pb.LogoutResponse:
        revision = self._verification.end_session(current_call(), request.refresh_token)
        return pb.LogoutResponse(revision=revision)

    def StartPasswordReset(
        self, request: pb.StartPasswordResetRequest, _: grpc.ServicerContext
    ) -> pb.StartPasswordResetResponse:
        code = self._password_reset.start(
            current_call(), required_address(request), code_format(request.format)
        )
        return pb.StartPasswordResetResponse(
            code=code.text, expire_time=timestamp(code.expire_time)
        )

    def CompletePasswordReset(
        self, request: pb.CompletePasswordResetRequest, _: grpc.ServicerContext
    ) -> pb.CompletePasswordResetResponse:
        revision = self._password_reset.complete(
            current_call(), address(request), request.code, request.new_password
        )
        return pb.CompletePasswordResetResponse(revision=revision)

    def StartVerification(
        self, request: pb.StartVerificationRequest, _: grpc.ServicerContext
    ) -> pb.StartVerificationResponse:
        code = self._address_verification.start(
            current_call(),
            AccountId(request.account_id),
            required_address(request),
            code_format(request.format),
        )
        return pb.StartVerificationResponse(code=code.text, expire_time=timestamp(code.expire_time))

    def CompleteVerification(
        self, request: pb.CompleteVerificationRequest, _: grpc.ServicerContext
    ) -> pb.CompleteVerificationResponse:
        self._address_verification.complete(
            current_call(), AccountId(request.account_id), request.code
        )
        return pb.CompleteVerificationResponse()


def _proof(request: pb.CompleteMfaRequest) -> Proof:
    name = request.WhichOneof("factor") or ""
    return Proof(_PROOFS[name], getattr(request, name))


def _grant(
    request: pb.RegisterRequest | pb.LoginRequest | pb.FinishPasskeyLoginRequest,
) -> GrantRequest:
    return GrantRequest(
        audience=request.audience,
        scopes=tuple(request.scopes),
        client=client_info(request.client),
    )

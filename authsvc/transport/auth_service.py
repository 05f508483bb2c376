"""AuthService: between its messages and login, registration, grants and their ends."""

import grpc
from authn.v1 import auth_service_pb2 as pb
from authn.v1.auth_service_pb2_grpc import AuthServiceServicer

from authsvc.domain.grants import GrantRequest, Grants
from authsvc.domain.login import Login
from authsvc.domain.registration import NewAccount, Registration
from authsvc.domain.verification import Verification
from authsvc.transport.context import current_call
from authsvc.transport.messages import account_message, client_info, token_set


class AuthService(AuthServiceServicer):
    """Logging in and out."""

    def __init__(
        self,
        *,
        login: Login,
        registration: Registration,
        grants: Grants,
        verification: Verification,
    ) -> None:
        self._login = login
        self._registration = registration
        self._grants = grants
        self._verification = verification

    def Register(self, request: pb.RegisterRequest, _: grpc.ServicerContext) -> pb.RegisterResponse:
        new = NewAccount(
            username=request.username, email=request.email or None, password=request.password
        )
        account, tokens = self._registration.register(current_call(), new, _grant(request))
        return pb.RegisterResponse(account=account_message(account), tokens=token_set(tokens))

    def Login(self, request: pb.LoginRequest, _: grpc.ServicerContext) -> pb.LoginResponse:
        tokens = self._login.by_password(
            current_call(), request.identifier, request.password, _grant(request)
        )
        return pb.LoginResponse(tokens=token_set(tokens))

    def Refresh(self, request: pb.RefreshRequest, _: grpc.ServicerContext) -> pb.RefreshResponse:
        tokens = self._grants.refresh(current_call(), request.refresh_token)
        return pb.RefreshResponse(tokens=token_set(tokens))

    def Logout(self, request: pb.LogoutRequest, _: grpc.ServicerContext) -> pb.LogoutResponse:
        revision = self._verification.end_session(current_call(), request.refresh_token)
        return pb.LogoutResponse(revision=revision)


def _grant(request: pb.RegisterRequest | pb.LoginRequest) -> GrantRequest:
    return GrantRequest(
        audience=request.audience,
        scopes=tuple(request.scopes),
        client=client_info(request.client),
    )

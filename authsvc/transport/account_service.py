"""AccountService: between its messages and the account directory, registration and passwords."""

from collections.abc import Iterator

import grpc
from authn.v1 import account_service_pb2 as pb
from authn.v1.account_service_pb2_grpc import AccountServiceServicer

from authsvc.domain import opaque_string
from authsvc.domain.account_directory import AccountDirectory
from authsvc.domain.account_export import AccountExport
from authsvc.domain.account_import import AccountImport
from authsvc.domain.accounts import UNCHANGED, AccountChange
from authsvc.domain.identifiers import AccountId
from authsvc.domain.password_change import PasswordChange
from authsvc.domain.password_policy import (
    MAX_PASSWORD_BYTES,
    MIN_LENGTH_WITH_SECOND_FACTOR,
    PasswordPolicy,
)
from authsvc.domain.registration import NewAccount, Registration
from authsvc.errors import FieldViolation, InvalidRequest
from authsvc.transport.context import current_call
from authsvc.transport.imported_rows import take_rows
from authsvc.transport.messages import (
    account_message,
    factor_message,
    session_message,
    timestamp,
    token_set,
)
from authsvc.transport.pages import PageTokens, page_size

_CHANGEABLE = frozenset(("username", "email", "phone_number", "roles"))


class AccountService(AccountServiceServicer):
    """Looking after accounts."""

    def __init__(
        self,
        *,
        directory: AccountDirectory,
        account_import: AccountImport,
        account_export: AccountExport,
        registration: Registration,
        password_change: PasswordChange,
        password_policy: PasswordPolicy,
        page_key: bytes,
    ) -> None:
        self._directory = directory
        self._import = account_import
        self._export = account_export
        self._registration = registration
        self._password_change = password_change
        self._policy_message = _policy_message(password_policy)
        self._pages = PageTokens(page_key, method="ListAccounts")

    def GetAccount(
        self, request: pb.GetAccountRequest, _: grpc.ServicerContext
    ) -> pb.GetAccountResponse:
        account = self._directory.get(current_call(), request.account_id)
        return pb.GetAccountResponse(account=account_message(account))

    def CreateAccount(
        self, request: pb.CreateAccountRequest, _: grpc.ServicerContext
    ) -> pb.CreateAccountResponse:
        new = NewAccount(
            username=request.username,
            email=request.email or None,
            password=request.password or None,
            roles=tuple(request.roles),
            phone_number=request.phone_number or None,
        )
        account = self._registration.create(current_call(), new)
        return pb.CreateAccountResponse(account=account_message(account))

    def UpdateAccount(
        self, request: pb.UpdateAccountRequest, _: grpc.ServicerContext
    ) -> pb.UpdateAccountResponse:
        account, revision = self._directory.update(
            current_call(), AccountId(request.account_id), _change(request)
        )
        return pb.UpdateAccountResponse(account=account_message(account), revision=revision)

    def ListAccounts(
        self, request: pb.ListAccountsRequest, _: grpc.ServicerContext
    ) -> pb.ListAccountsResponse:
        after = self._pages.read(request.page_token)
        limit = page_size(request.page_size)
        accounts = self._directory.list(
            after=AccountId(after) if after is not None else None, limit=limit + 1
        )
        page = accounts[:limit]
        more = len(accounts) > limit
        return pb.ListAccountsResponse(
            accounts=map(account_message, page),
            next_page_token=self._pages.write(page[-1].account_id) if more else "",
        )

    def ChangePassword(
        self, request: pb.ChangePasswordRequest, _: grpc.ServicerContext
    ) -> pb.ChangePasswordResponse:
        revision, tokens = self._password_change.by_current_password(
            current_call(), request.current_password, request.new_password
        )
        return pb.ChangePasswordResponse(revision=revision, tokens=token_set(tokens))

    def DisableAccount(
        self, request: pb.DisableAccountRequest, _: grpc.ServicerContext
    ) -> pb.DisableAccountResponse:
        account, revision = self._directory.disable(current_call(), AccountId(request.account_id))
        return pb.DisableAccountResponse(account=account_message(account), revision=revision)

    def EnableAccount(
        self, request: pb.EnableAccountRequest, _: grpc.ServicerContext
    ) -> pb.EnableAccountResponse:
        account = self._directory.enable(current_call(), AccountId(request.account_id))
        return pb.EnableAccountResponse(account=account_message(account))

    def DeleteAccount(
        self, request: pb.DeleteAccountRequest, _: grpc.ServicerContext
    ) -> pb.DeleteAccountResponse:
        revision = self._directory.delete(current_call(), AccountId(request.account_id))
        return pb.DeleteAccountResponse(revision=revision)

    def ExportAccount(
        self, request: pb.ExportAccountRequest, _: grpc.ServicerContext
    ) -> pb.ExportAccountResponse:
        data = self._export.collect(current_call(), request.account_id)
        return pb.ExportAccountResponse(
            collect_time=timestamp(data.collect_time),
            account=account_message(data.account),
            sessions=map(session_message, data.sessions),
            factors=map(factor_message, data.factors),
            recovery_codes_left=data.recovery_codes_left,
        )

    def ImportAccounts(
        self, request_iterator: Iterator[pb.ImportAccountsRequest], _: grpc.ServicerContext
    ) -> pb.ImportAccountsResponse:
        return take_rows(request_iterator, lambda rows: self._import.take(current_call(), rows))

    def GetPasswordPolicy(
        self, _request: pb.GetPasswordPolicyRequest, _: grpc.ServicerContext
    ) -> pb.GetPasswordPolicyResponse:
        return self._policy_message


def _change(request: pb.UpdateAccountRequest) -> AccountChange:
    """Read what the mask names (AIP-134)."""
    paths = frozenset(request.update_mask.paths)
    if not paths or paths - _CHANGEABLE:
        rule = "It must name one or more of username, email, phone_number and roles."
        raise InvalidRequest(FieldViolation("update_mask", rule))
    if "username" in paths and not request.username:
        raise InvalidRequest(FieldViolation("username", "An account needs a user name."))
    return AccountChange(
        username=request.username if "username" in paths else UNCHANGED,
        email=(request.email or None) if "email" in paths else UNCHANGED,
        phone_number=(request.phone_number or None) if "phone_number" in paths else UNCHANGED,
        roles=tuple(sorted(request.roles)) if "roles" in paths else UNCHANGED,
    )


def _policy_message(policy: PasswordPolicy) -> pb.GetPasswordPolicyResponse:
    return pb.GetPasswordPolicyResponse(
        min_length=policy.min_length,
        min_length_with_second_factor=MIN_LENGTH_WITH_SECOND_FACTOR,
        max_bytes=MAX_PASSWORD_BYTES,
        blocklist_enforced=True,
        breach_list_enforced=policy.breach_list is not None,
        normalization_profile=opaque_string.PROFILE_NAME,
    )

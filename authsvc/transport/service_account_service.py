"""ServiceAccountService: between its messages and `domain/service_directory.py`."""

from collections.abc import Iterable, Mapping
from typing import Any

import grpc
from authn.v1 import service_account_service_pb2 as pb
from authn.v1.service_account_service_pb2_grpc import ServiceAccountServiceServicer
from authn.v1.token_pb2 import JsonWebKey

from authsvc.domain.service_accounts import ServiceAccountChange
from authsvc.domain.service_directory import NewServiceAccount, ServiceDirectory
from authsvc.errors import FieldViolation, InvalidRequest
from authsvc.transport.context import current_call
from authsvc.transport.messages import api_key_message, service_account_message
from authsvc.transport.pages import PageTokens, page_size

_NAMES = ("scopes", "methods", "audiences", "own_audiences", "certificate_names")
"""The lists that are nothing but names."""
_CHANGEABLE = frozenset((*_NAMES, "public_keys"))


class ServiceAccountService(ServiceAccountServiceServicer):
    """Looking after the services that call."""

    def __init__(self, directory: ServiceDirectory, *, page_key: bytes) -> None:
        self._directory = directory
        self._pages = PageTokens(page_key, method="ListServiceAccounts")

    def CreateServiceAccount(
        self, request: pb.CreateServiceAccountRequest, _: grpc.ServicerContext
    ) -> pb.CreateServiceAccountResponse:
        new = NewServiceAccount(
            name=request.name,
            scopes=tuple(request.scopes),
            methods=tuple(request.methods),
            audiences=tuple(request.audiences),
            own_audiences=tuple(request.own_audiences),
            certificate_names=tuple(request.certificate_names),
            public_keys=_jwks(request.public_keys),
        )
        account = self._directory.create(current_call(), new)
        return pb.CreateServiceAccountResponse(service_account=service_account_message(account))

    def GetServiceAccount(
        self, request: pb.GetServiceAccountRequest, _: grpc.ServicerContext
    ) -> pb.GetServiceAccountResponse:
        account = self._directory.get(request.name)
        return pb.GetServiceAccountResponse(service_account=service_account_message(account))

    def ListServiceAccounts(
        self, request: pb.ListServiceAccountsRequest, _: grpc.ServicerContext
    ) -> pb.ListServiceAccountsResponse:
        after = self._pages.read(request.page_token)
        limit = page_size(request.page_size)
        accounts = self._directory.list(after=after, limit=limit + 1)
        page = accounts[:limit]
        more = len(accounts) > limit
        return pb.ListServiceAccountsResponse(
            service_accounts=map(service_account_message, page),
            next_page_token=self._pages.write(page[-1].name) if more else "",
        )

    def UpdateServiceAccount(
        self, request: pb.UpdateServiceAccountRequest, _: grpc.ServicerContext
    ) -> pb.UpdateServiceAccountResponse:
        account, revision = self._directory.update(current_call(), request.name, _change(request))
        return pb.UpdateServiceAccountResponse(
            service_account=service_account_message(account), revision=revision
        )

    def DisableServiceAccount(
        self, request: pb.DisableServiceAccountRequest, _: grpc.ServicerContext
    ) -> pb.DisableServiceAccountResponse:
        account, revision = self._directory.disable(current_call(), request.name)
        return pb.DisableServiceAccountResponse(
            service_account=service_account_message(account), revision=revision
        )

    def EnableServiceAccount(
        self, request: pb.EnableServiceAccountRequest, _: grpc.ServicerContext
    ) -> pb.EnableServiceAccountResponse:
        account = self._directory.enable(current_call(), request.name)
        return pb.EnableServiceAccountResponse(service_account=service_account_message(account))

    def DeleteServiceAccount(
        self, request: pb.DeleteServiceAccountRequest, _: grpc.ServicerContext
    ) -> pb.DeleteServiceAccountResponse:
        revision = self._directory.delete(current_call(), request.name)
        return pb.DeleteServiceAccountResponse(revision=revision)

    def CreateApiKey(
        self, request: pb.CreateApiKeyRequest, _: grpc.ServicerContext
    ) -> pb.CreateApiKeyResponse:
        text, key = self._directory.create_key(
            current_call(),
            request.service_account,
            display_name=request.display_name,
            scopes=request.scopes,
            ttl=request.ttl.ToTimedelta(),
        )
        return pb.CreateApiKeyResponse(api_key=text, key=api_key_message(key))

    def ListApiKeys(
        self, request: pb.ListApiKeysRequest, _: grpc.ServicerContext
    ) -> pb.ListApiKeysResponse:
        keys = self._directory.list_keys(request.service_account)
        return pb.ListApiKeysResponse(keys=map(api_key_message, keys))

    def RevokeApiKey(
        self, request: pb.RevokeApiKeyRequest, _: grpc.ServicerContext
    ) -> pb.RevokeApiKeyResponse:
        revision = self._directory.revoke_key(current_call(), request.key_id)
        return pb.RevokeApiKeyResponse(revision=revision)


def _change(request: pb.UpdateServiceAccountRequest) -> ServiceAccountChange:
    """Read what the mask names (AIP-134)."""
    paths = frozenset(request.update_mask.paths)
    if not paths or paths - _CHANGEABLE:
        rule = "It must name one or more of " + ", ".join(sorted(_CHANGEABLE)) + "."
        raise InvalidRequest(FieldViolation("update_mask", rule))
    named: dict[str, Any] = {
        name: tuple(sorted(getattr(request, name))) for name in _NAMES if name in paths
    }
    return ServiceAccountChange(
        **named,
        public_keys=_jwks(request.public_keys) if "public_keys" in paths else None,
    )


def _jwks(keys: Iterable[JsonWebKey]) -> tuple[Mapping[str, str], ...]:
    """Read public keys, as far as their members are set."""
    return tuple({field.name: value for field, value in key.ListFields()} for key in keys)

"""Who may call what: the one place where the access options of the contract are read."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from authn.v1.access_pb2 import Access, AccessLevel, access
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message

from authsvc.domain.calls import Call
from authsvc.domain.service_accounts import EVERYTHING
from authsvc.errors import AccessDenied, CallerUnauthenticated, TokenRequired
from authsvc.transport.ext_authz.messages import SERVICE as EXT_AUTHZ


@dataclass(frozen=True, slots=True)
class AccessRule:
    """The access option of a method."""

    level: AccessLevel.ValueType
    scope: str
    entries: frozenset[str]
    """What stands for the method in a service account's list of methods."""
    assertion_field: str = ""
    """The field of the request that may hold a client assertion; empty if there is none."""

    def assertion(self, request: Message) -> str:
        """Give the client assertion that a request holds; empty if none, or if it did not parse."""
        return str(getattr(request, self.assertion_field, "")) if self.assertion_field else ""

    def admit(self, call: Call, *, is_service: bool) -> None:
        """Let a call pass.

        Raises:
            TokenRequired: The method is for accounts, and none calls.
            CallerUnauthenticated: The method is for services, and none calls.
            AccessDenied: The caller lacks the scope, or the service may not call the method,
                whoever it calls for.

        """
        if call.service is not None and self.entries.isdisjoint(call.service.methods):
            detail = "the method is not on the service's list"
            raise AccessDenied(detail)
        if self.level == AccessLevel.ACCESS_LEVEL_PUBLIC:
            return
        may_act = bool(self.scope) and call.holds(self.scope)
        if self.level == AccessLevel.ACCESS_LEVEL_ACCOUNT:
            if call.claims is None and not may_act:
                raise TokenRequired
        elif self.level == AccessLevel.ACCESS_LEVEL_SERVICE:
            self._admit_service(call, is_service=is_service)
        elif not may_act:
            if call.claims is None and not is_service:
                raise CallerUnauthenticated
            raise AccessDenied(self.scope)

    def _admit_service(self, call: Call, *, is_service: bool) -> None:
        if not is_service:
            raise CallerUnauthenticated
        if call.client_scopes is not None and self.scope not in call.client_scopes:
            raise AccessDenied(self.scope)


def access_rules(services: Iterable[ServiceDescriptor]) -> Mapping[str, AccessRule]:
    """Read the rule of every method, by its path.

    Raises:
        ValueError: A method has none: absence is an error, not a default.

    """
    return {
        f"/{service.full_name}/{method.name}": _rule(method)
        for service in services
        for method in service.methods
    }


def _entries(service: str, method: str) -> frozenset[str]:
    return frozenset((EVERYTHING, f"{service}/*", f"{service}/{method}"))


FOREIGN_RULES: Mapping[str, AccessRule] = {
    # It tells no more than VerifyToken does.
    f"/{EXT_AUTHZ}/Check": AccessRule(
        AccessLevel.ACCESS_LEVEL_PUBLIC, "", _entries(EXT_AUTHZ, "Check")
    ),
}
"""The rules of methods whose contract is not ours, so that it can't state them."""


def _rule(method: MethodDescriptor) -> AccessRule:
    service = method.containing_service.full_name
    name = f"{service}.{method.name}"
    option: Access = method.GetOptions().Extensions[access]
    needs_scope = (AccessLevel.ACCESS_LEVEL_SERVICE, AccessLevel.ACCESS_LEVEL_ADMIN)
    if option.level == AccessLevel.ACCESS_LEVEL_UNSPECIFIED:
        message = f"{name} has no access option"
        raise ValueError(message)
    if option.level in needs_scope and not option.scope:
        message = f"the access option of {name} names no scope"
        raise ValueError(message)
    if option.assertion_field and option.assertion_field not in method.input_type.fields_by_name:
        message = f"the access option of {name} names no field of the request"
        raise ValueError(message)
    return AccessRule(
        option.level,
        option.scope,
        _entries(service, method.name),
        option.assertion_field,
    )

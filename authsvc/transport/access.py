"""Who may call what: the one place where the access options of the contract are read."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from authn.v1.access_pb2 import Access, AccessLevel, access
from google.protobuf.descriptor import ServiceDescriptor

from authsvc.domain.calls import Call
from authsvc.errors import AccessDenied, CallerUnauthenticated, TokenRequired


@dataclass(frozen=True, slots=True)
class AccessRule:
    """The access option of a method."""

    level: AccessLevel.ValueType
    scope: str

    def admit(self, call: Call, *, is_service: bool) -> None:
        """Let a call pass.

        Raises:
            TokenRequired: The method is for accounts, and none calls.
            CallerUnauthenticated: The method is for services, and none calls.
            AccessDenied: The caller lacks the scope.

        """
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
        f"/{service.full_name}/{method.name}": _rule(
            f"{service.full_name}.{method.name}", method.GetOptions().Extensions[access]
        )
        for service in services
        for method in service.methods
    }


def _rule(name: str, option: Access) -> AccessRule:
    needs_scope = (AccessLevel.ACCESS_LEVEL_SERVICE, AccessLevel.ACCESS_LEVEL_ADMIN)
    if option.level == AccessLevel.ACCESS_LEVEL_UNSPECIFIED:
        message = f"{name} has no access option"
        raise ValueError(message)
    if option.level in needs_scope and not option.scope:
        message = f"the access option of {name} names no scope"
        raise ValueError(message)
    return AccessRule(option.level, option.scope)

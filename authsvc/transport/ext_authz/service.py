"""Authorization: between Envoy's messages and `domain/verification.py`."""

from functools import partial
from typing import Any

import grpc

from authsvc.domain.verification import Verification
from authsvc.transport.context import current_call
from authsvc.transport.ext_authz.credentials import bearer_token, certificate_shown, header_names
from authsvc.transport.ext_authz.denials import TOLD, denial
from authsvc.transport.ext_authz.identity import allowance, lookalikes, removal
from authsvc.transport.ext_authz.messages import SERVICE, CheckRequest, CheckResponse
from authsvc.transport.ext_authz.route import route_of
from authsvc.transport.refusals import RefusedInAnswer
from authsvc.transport.written import Written


class AuthorizationService:
    """Says of an HTTP request whether its access token lets it through."""

    def __init__(self, verification: Verification) -> None:
        self._verification = verification
        self._allowances = {
            forward: Written(partial(allowance, forward_authorization=forward))
            for forward in (False, True)
        }

    def Check(self, request: Any, _: grpc.ServicerContext) -> bytes:  # noqa: N802 - Envoy's name
        """Judge a request.

        Raises:
            RefusedInAnswer: It is not let through.
            InvalidRequest: What the proxy says, or its configuration asks for, is not understood.

        """
        attributes = request.attributes
        http = attributes.request.http
        requirements, forward_authorization = route_of(attributes.context_extensions)
        certificate = certificate_shown(attributes.source)
        if certificate:
            requirements = requirements._replace(certificate=certificate)
        try:
            verdict = self._verification.verify(current_call(), bearer_token(http), requirements)
        except TOLD as error:
            answer = denial(error, scopes=requirements.scopes)
            raise RefusedInAnswer(error, answer) from error
        allowed = self._allowances[forward_authorization].of(verdict.claims)
        spoofed = lookalikes(header_names(http))
        return allowed + removal(spoofed) if spoofed else allowed


def add_authorization_to_server(servicer: AuthorizationService, server: grpc.Server) -> None:
    """Register the servicer, as generated code does for the services of the contract."""
    handler = grpc.unary_unary_rpc_method_handler(
        servicer.Check,
        request_deserializer=CheckRequest.FromString,
        response_serializer=CheckResponse.SerializeToString,
    )
    handlers = {"Check": handler}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    server.add_registered_method_handlers(SERVICE, handlers)

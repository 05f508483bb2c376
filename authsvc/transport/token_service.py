"""TokenService: between its messages and `domain/verification.py`."""

import hashlib

import grpc
from authn.v1 import token_service_pb2 as pb
from authn.v1.token_service_pb2_grpc import TokenServiceServicer

from authsvc.domain.keys import Keys
from authsvc.domain.repeated_checks import RepeatedChecks
from authsvc.domain.requirements import Requirements
from authsvc.domain.service_tokens import ServiceTokens
from authsvc.domain.token_exchange import Exchange, TokenExchange
from authsvc.domain.verification import Verification
from authsvc.errors import AuthError, TokenDefect
from authsvc.transport.context import current_call
from authsvc.transport.key_watch import KeyWatch
from authsvc.transport.messages import json_web_key, session_claims, timestamp, token_claims
from authsvc.transport.revocation_watch import RevocationWatch
from authsvc.transport.status import reason_of
from authsvc.transport.streams import Stream
from authsvc.transport.validation import parse, takes_bytes
from authsvc.transport.written import Latest, Written
from authsvc.verify.claims import Claims

_ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - RFC 8693, 3

_DEFECTS: dict[TokenDefect | None, pb.TokenDefect.ValueType] = {
    None: pb.TokenDefect.TOKEN_DEFECT_UNSPECIFIED,
    **{defect: pb.TokenDefect.Value(f"TOKEN_DEFECT_{defect.name}") for defect in TokenDefect},
}


class TokenService(TokenServiceServicer):
    """Checking and revoking tokens, and issuing those of services."""

    def __init__(
        self,
        *,
        verification: Verification,
        service_tokens: ServiceTokens,
        exchange: TokenExchange,
        keys: Keys,
        revocation_watch: RevocationWatch,
        key_watch: KeyWatch,
    ) -> None:
        self._answer = Written(lambda claims: pb.VerifyTokenResponse(claims=token_claims(claims)))
        self._revision = Latest(lambda revision: pb.VerifyTokenResponse(revision=revision))
        self._result = Written(_result)
        self._checks = RepeatedChecks(verification)
        self._verification = verification
        self._service_tokens = service_tokens
        self._exchange = exchange
        self._keys = keys
        self._revocation_watch = revocation_watch
        self._key_watch = key_watch

    @takes_bytes
    def VerifyToken(self, request: bytes, _: grpc.ServicerContext) -> bytes:  # type: ignore[override]  # written already: see `written.py`
        digest = hashlib.sha256(request).digest()
        verdict = self._checks.verify(current_call(), digest, lambda: _question(request))
        return self._answer.of(verdict.claims) + self._revision.of(verdict.revision)

    def VerifyTokens(self, request: pb.VerifyTokensRequest, _: grpc.ServicerContext) -> bytes:  # type: ignore[override]  # written already
        results, revision = self._verification.verify_many(
            current_call(),
            request.access_tokens,
            audience=request.audience,
            required_scopes=request.required_scopes,
        )
        written = [
            self._result.of(result) if isinstance(result, Claims) else _refusal(result)
            for result in results
        ]
        written.append(pb.VerifyTokensResponse(revision=revision).SerializeToString())
        return b"".join(written)

    def IntrospectToken(
        self, request: pb.IntrospectTokenRequest, _: grpc.ServicerContext
    ) -> pb.IntrospectTokenResponse:
        known = self._verification.introspect(
            current_call(), request.token, min_revision=request.min_revision
        )
        response = pb.IntrospectTokenResponse(revision=known.revision)
        if known.claims is not None:
            response.claims.CopyFrom(token_claims(known.claims))
        elif known.session is not None:
            response.claims.CopyFrom(session_claims(known.session))
        response.active = response.HasField("claims")
        return response

    def RevokeToken(
        self, request: pb.RevokeTokenRequest, _: grpc.ServicerContext
    ) -> pb.RevokeTokenResponse:
        revision = self._verification.revoke(current_call(), request.token)
        return pb.RevokeTokenResponse(revision=revision)

    def IssueServiceToken(
        self, request: pb.IssueServiceTokenRequest, _: grpc.ServicerContext
    ) -> pb.IssueServiceTokenResponse:
        token = self._service_tokens.issue(
            current_call(),
            audience=request.audience,
            scopes=request.scopes,
            is_bound=request.bind_to_certificate,
        )
        return pb.IssueServiceTokenResponse(
            access_token=token.text,
            token_type="Bearer",  # noqa: S106 - the word of RFC 6750
            expire_time=timestamp(token.expire_time),
        )

    def ExchangeToken(
        self, request: pb.ExchangeTokenRequest, _: grpc.ServicerContext
    ) -> pb.ExchangeTokenResponse:
        wanted = Exchange(
            audience=request.audience,
            scopes=tuple(request.scopes),
            ttl=request.ttl.ToTimedelta() if request.HasField("ttl") else None,
            certificate=request.subject_certificate_sha256,
            is_bound=request.bind_to_certificate,
        )
        token = self._exchange.exchange(current_call(), request.subject_token, wanted)
        return pb.ExchangeTokenResponse(
            access_token=token.text,
            issued_token_type=_ACCESS_TOKEN,
            token_type="Bearer",  # noqa: S106 - the word of RFC 6750
            expire_time=timestamp(token.expire_time),
        )

    def GetJwks(self, _request: pb.GetJwksRequest, _: grpc.ServicerContext) -> pb.GetJwksResponse:
        return pb.GetJwksResponse(keys=map(json_web_key, self._keys.published()))

    # The interceptor gives streams a `Stream`, which is there as long as the call is.
    def WatchRevocations(  # type: ignore[override]
        self, request: pb.WatchRevocationsRequest, _: grpc.ServicerContext, stream: Stream
    ) -> None:
        self._revocation_watch.begin(stream, request.after_revision)

    def WatchKeys(  # type: ignore[override]
        self, _request: pb.WatchKeysRequest, _: grpc.ServicerContext, stream: Stream
    ) -> None:
        self._key_watch.begin(stream)

    def ExplainToken(
        self, request: pb.ExplainTokenRequest, _: grpc.ServicerContext
    ) -> pb.ExplainTokenResponse:
        found = self._verification.explain(
            current_call(),
            request.access_token,
            audience=request.audience,
            certificate=request.certificate_sha256,
        )
        return pb.ExplainTokenResponse(
            active=found.defect is None,
            defect=_DEFECTS[found.defect],
            explanation=_explain(found.defect),
            claims=token_claims(found.claims) if found.claims else None,
        )


def _explain(defect: TokenDefect | None) -> str:
    return f"The token is refused: {defect.value}." if defect else "The token is active."


def _question(data: bytes) -> tuple[str, Requirements]:
    request = parse(pb.VerifyTokenRequest, data)
    return request.access_token, Requirements(
        audience=request.audience,
        scopes=tuple(request.required_scopes),
        min_revision=request.min_revision,
        max_age=request.max_age.ToTimedelta() if request.HasField("max_age") else None,
        acr=request.acr,
        certificate=request.certificate_sha256,
    )


def _result(claims: Claims) -> pb.VerifyTokensResponse:
    return pb.VerifyTokensResponse(results=[pb.VerifyTokenResult(claims=token_claims(claims))])


def _refusal(refusal: AuthError) -> bytes:
    result = pb.VerifyTokenResult(error_reason=reason_of(refusal))
    return pb.VerifyTokensResponse(results=[result]).SerializeToString()

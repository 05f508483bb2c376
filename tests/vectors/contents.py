"""What a file of vectors holds: cases, and the circumstances that a token is judged in."""

import base64
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from authn.v1.token_pb2 import TokenClaims
from authn.v1.token_service_pb2 import WatchRevocationsResponse
from google.protobuf.json_format import MessageToDict
from google.protobuf.timestamp_pb2 import Timestamp

from tests.verify.minting import AUDIENCE, ISSUER, JWKS, LEEWAY, MAX_LIFETIME, NOW

ACTIVE = "active"
INACTIVE = "inactive"
INSUFFICIENT_SCOPE = "insufficient_scope"
STALE = "stale"

Call = Sequence[WatchRevocationsResponse]


def piece(
    after: int,
    revision: int,
    *revocations: Any,
    reset: bool = False,
    current: bool = True,
    told: float = NOW,
) -> WatchRevocationsResponse:
    """Write a piece of the feed that the server sent at a time."""
    return WatchRevocationsResponse(
        reset=reset,
        revocations=revocations,
        after_revision=after,
        revision=revision,
        is_current=current,
        server_time=Timestamp(seconds=int(told)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The circumstances; what each member means stands in the README beside this file."""

    issuer: str = ISSUER
    audience: str = AUDIENCE
    leeway: int = LEEWAY
    max_lifetime: int = MAX_LIFETIME
    max_staleness: int = 10
    required_scopes: Sequence[str] = ()
    certificate: str = ""
    now: int = NOW
    silence: int = 0
    keys: Sequence[dict[str, str]] = tuple(JWKS.values())
    calls: Sequence[Call] = ((piece(0, 5, reset=True),),)

    def written(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        return {
            "issuer": self.issuer,
            "audience": self.audience,
            "leeway": self.leeway,
            "max_lifetime": self.max_lifetime,
            "max_staleness": self.max_staleness,
            "required_scopes": list(self.required_scopes),
            "certificate": self.certificate,
            "now": self.now,
            "silence": self.silence,
            "keys": list(self.keys),
            "calls": [[MessageToDict(one) for one in call] for call in self.calls],
        }


USUAL = Context()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A token, and what is decided of it."""

    name: str
    token: str
    decision: str
    context: Context = USUAL
    defect: str = ""
    """Of an inactive token: the check of `TokenDefect` that it fails first."""
    resume_after: int | None = None
    """The revision that the next call of WatchRevocations has to go on from."""

    def written(self) -> dict[str, Any]:
        """Give it as JSON has it: of the circumstances, what is unusual."""
        usual, own = USUAL.written(), self.context.written()
        differs = {name: value for name, value in own.items() if value != usual[name]}
        given: dict[str, Any] = {"name": self.name}
        if differs:
            given["context"] = differs
        given |= {"token": self.token, "decision": self.decision}
        if self.defect:
            given["defect"] = self.defect
        if self.decision == ACTIVE:
            given["claims"] = _claims(self.token)
        if self.resume_after is not None:
            given["resume_after"] = self.resume_after
        return given


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A file of vectors."""

    name: str
    about: str
    cases: Sequence[Case] = field(default_factory=tuple)

    def written(self) -> str:
        """Give the text of the file, with each case in a line."""
        members = [
            f'"about": {json.dumps(self.about)}',
            f'"context": {json.dumps(USUAL.written())}',
            '"cases": [\n' + ",\n".join(json.dumps(case.written()) for case in self.cases) + "\n]",
        ]
        return "{\n" + ",\n".join(members) + "\n}\n"


def _claims(token: str) -> dict[str, Any]:
    """Give what a token says, as VerifyToken would; read without any care."""
    payload = json.loads(_decode(token.split(".")[1]))
    actors = list(_actors(payload))
    claims = TokenClaims(
        subject=payload["sub"],
        session_id=payload["sid"],
        token_id=payload["jti"],
        client_id=payload["client_id"],
        audience=payload["aud"],
        scopes=payload.get("scope", "").split(),
        roles=payload.get("roles", []),
        issue_time=Timestamp(seconds=payload["iat"]),
        expire_time=Timestamp(seconds=payload["exp"]),
        auth_time=Timestamp(seconds=payload["auth_time"]),
        amr=payload.get("amr", []),
        acr=payload.get("acr", ""),
        epoch=payload["epoch"],
        actor=actors[0] if actors else "",
        actors=actors,
        certificate_sha256=_decode(payload.get("cnf", {}).get("x5t#S256", "")),
    )
    return MessageToDict(claims)


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "==")


def _actors(payload: dict[str, Any]) -> Iterator[str]:
    while "act" in payload:
        payload = payload["act"]
        yield payload["sub"]

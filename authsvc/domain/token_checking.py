"""Whether an access token is active: the strict checks of `verify/`, and what was revoked.

While this worker holds a read lease it knows by itself what was revoked; else it asks Redis.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import NamedTuple

from authsvc.domain.clock import Clock
from authsvc.domain.keys import Keys
from authsvc.domain.replica import RevocationReplica
from authsvc.domain.requirements import NOTHING_MORE, Requirements
from authsvc.domain.revocation import RevocationMarks, TokenMarks
from authsvc.domain.token_marks import defect_by, names_of
from authsvc.errors import InsufficientScope, RevisionNotReached, TokenDefect, TokenInactive
from authsvc.verify.assurance import require_authentication
from authsvc.verify.binding import require_certificate
from authsvc.verify.cache import TokenCache
from authsvc.verify.claims import Claims
from authsvc.verify.keyring import KeyRing
from authsvc.verify.verifier import TokenVerifier

_REVOKED = frozenset(
    (
        TokenDefect.TOKEN_REVOKED,
        TokenDefect.SESSION_REVOKED,
        TokenDefect.EPOCH,
        TokenDefect.DELEGATION,
    )
)


class Verdict(NamedTuple):
    """An active token and the revision of the revocations that it was checked against."""

    claims: Claims
    revision: int
    ring: KeyRing | None = None
    """The keys by which it was found authentic, from this worker's memory; else None."""


class KnownToken(NamedTuple):
    """A token that was active when it was checked from memory, and what it had to meet."""

    claims: Claims
    ring: KeyRing
    requirements: Requirements


class TokenChecker:
    """Checks access tokens."""

    def __init__(
        self,
        *,
        verifier: TokenVerifier,
        tokens: TokenCache,
        keys: Keys,
        replica: RevocationReplica,
        marks: RevocationMarks,
        wait_until_everywhere: Callable[[int], None],
        head: Callable[[], int],
        default_audience: str,
        clock: Clock,
    ) -> None:
        """Put it together.

        Args:
            verifier: Judges what tokens say.
            tokens: Reads tokens, and remembers those that it has read.
            keys: The key ring.
            replica: What was revoked, while its lease is held.
            marks: What was revoked, in Redis.
            wait_until_everywhere: Returns once no worker accepts what ended up to a revision.
            head: Gives the latest revision of the journal.
            default_audience: Of a call that names none.
            clock: The wall clock.

        """
        self._verifier = verifier
        self._tokens = tokens
        self._keys = keys
        self._replica = replica
        self._marks = marks
        self._wait_until_everywhere = wait_until_everywhere
        self._head = head
        self._default_audience = default_audience
        self._clock = clock

    def audience(self, requested: str) -> str:
        """Give the audience that is meant: the default one if none is named."""
        return requested or self._default_audience

    def verify(self, access_token: str, requirements: Requirements = NOTHING_MORE) -> Verdict:
        """Check an access token.

        Raises:
            TokenInactive: It is not active, for whatever cause.
            InsufficientUserAuthentication: It is active, and its subject proved who it is longer
                ago than `max_age` or less surely than `acr`.
            InsufficientScope: It is active and lacks a required scope.
            RevisionNotReached: `min_revision` lies in the future.
            StoreUnavailable: It may be either.

        """
        audience, min_revision = requirements.audience, requirements.min_revision
        if self._replica.lease.holds():  # first: what is looked up after it is no older
            verdict = self._verify_from_memory(access_token, audience, self._now())
            if min_revision > verdict.revision:
                raise RevisionNotReached
        else:
            [result] = self._verify_from_marks([access_token], audience)
            if isinstance(result, TokenInactive):
                raise result
            verdict = Verdict(result.claims, self.reach(min_revision, result.revision))
        self._hold_against(verdict.claims, requirements)
        return verdict

    def verify_again(self, known: KnownToken) -> Verdict | None:
        """Check a known token from memory; None if it must be read anew.

        Raises:
            TokenInactive: See `verify`, as for the other errors.

        """
        if not self._replica.lease.holds():  # first, as above
            return None
        ring, revision = self._keys.ring, self._replica.revision
        requirements = known.requirements
        if known.ring is not ring or requirements.min_revision > revision:
            return None
        self._judge_from_memory(known.claims, requirements.audience, self._now())
        self._hold_against(known.claims, requirements)
        return Verdict(known.claims, revision, ring)

    def verify_many(
        self, access_tokens: Sequence[str], *, audience: str, required_scopes: Sequence[str]
    ) -> tuple[list[Claims | TokenInactive | InsufficientScope], int]:
        """Check access tokens, with an answer for each, in order, and the revision of all.

        Raises:
            StoreUnavailable: They may be either.

        """
        if self._replica.lease.holds():
            revision = self._replica.revision
            now = self._now()  # once: the answer is true of a moment of the call
            verdicts = [self._verdict_from_memory(token, audience, now) for token in access_tokens]
        else:
            verdicts = self._verify_from_marks(access_tokens, audience)
            revision = max((v.revision for v in verdicts if isinstance(v, Verdict)), default=0)
        return [_claims_or_refusal(verdict, required_scopes) for verdict in verdicts], revision

    def decode(self, access_token: str, *, look: Callable[[], None] | None = None) -> Claims:
        """Give what a genuine token says, be it active or not.

        Args:
            access_token: The token.
            look: How to look for a key that is not known, if not at most once a second.

        Raises:
            TokenInactive: It is not genuine.
            StoreUnavailable: It may be.

        """
        look = look or self._keys.look_for_unknown_key
        return _with_its_key(self._read_genuine, access_token, look=look)

    def reach(self, min_revision: int, revision: int) -> int:
        """Give a revision no lower than the one that was asked for.

        Whatever was acknowledged is marked already, so only what the journal does not have is out
        of reach.

        Raises:
            RevisionNotReached: The journal does not have it.

        """
        if min_revision <= revision:
            return revision
        if min_revision > self._head():
            raise RevisionNotReached
        return min_revision

    def _verify_from_memory(self, access_token: str, audience: str, now: float) -> Verdict:
        ring, revision = self._keys.ring, self._replica.revision
        claims = self._read_authentic(access_token)
        self._judge_from_memory(claims, audience, now)
        return Verdict(claims, revision, ring)

    def _judge_from_memory(self, claims: Claims, audience: str, now: float) -> None:
        self._verifier.judge(claims, audience=self.audience(audience), now=now)
        try:
            self._replica.judge(claims)
        except TokenInactive:
            # Another worker may still accept it: nobody is to see it inactive before (P-REV-3).
            self._wait_until_everywhere(self._replica.horizon)
            raise

    def _hold_against(self, claims: Claims, requirements: Requirements) -> None:
        require_certificate(claims, requirements.certificate)
        max_age, acr = requirements.max_age, requirements.acr
        if max_age is not None or acr:
            require_authentication(claims, max_age=max_age, acr=acr, now=self._now())
        if requirements.scopes:
            _require_scopes(claims, requirements.scopes)

    def _verdict_from_memory(
        self, access_token: str, audience: str, now: float
    ) -> Verdict | TokenInactive:
        try:
            return self._verify_from_memory(access_token, audience, now)
        except TokenInactive as refusal:
            return refusal

    def _verify_from_marks(
        self, access_tokens: Sequence[str], audience: str
    ) -> list[Verdict | TokenInactive]:
        """Ask Redis, in one round trip, what this worker has no right to know by itself."""
        while True:
            ring = self._keys.ring
            tokens = [self._read_or_refuse(token, audience) for token in access_tokens]
            names = [names_of(token) if isinstance(token, Claims) else () for token in tokens]
            marks = iter(self._marks.check([name for each in names for name in each]))
            if self._keys.ring is ring:  # else a key may have been revoked: the fence has told
                break
        verdicts = [
            _judge(token, list(islice(marks, len(each))))
            for token, each in zip(tokens, names, strict=True)
        ]
        if any(isinstance(v, TokenInactive) and v.defect in _REVOKED for v in verdicts):
            self._wait_until_everywhere(self._head())
        return verdicts

    def _read_or_refuse(self, access_token: str, audience: str) -> Claims | TokenInactive:
        try:
            return self._read(access_token, audience)
        except TokenInactive as refusal:
            return refusal

    def _read(self, access_token: str, audience: str) -> Claims:
        """Give what a token says that is good but for revocation."""
        claims = self._read_authentic(access_token)
        self._verifier.judge(claims, audience=self.audience(audience), now=self._now())
        return claims

    def _now(self) -> float:
        return self._clock().timestamp()

    def _read_authentic(self, access_token: str) -> Claims:
        return _with_its_key(self._read_genuine, access_token, look=self._keys.look_for_unknown_key)

    def _read_genuine(self, access_token: str) -> Claims:
        return self._tokens.read(access_token, keys=self._keys.ring)


def _with_its_key(
    read: Callable[[str], Claims], access_token: str, *, look: Callable[[], None]
) -> Claims:
    """Read a token; if its key is not known, another worker may have made it just now."""
    try:
        return read(access_token)
    except TokenInactive as refusal:
        if refusal.defect is not TokenDefect.UNKNOWN_KEY:
            raise
    look()
    return read(access_token)


def _judge(token: Claims | TokenInactive, marks: Sequence[TokenMarks]) -> Verdict | TokenInactive:
    if isinstance(token, TokenInactive):
        return token
    defect = defect_by(marks, token)
    return TokenInactive(defect) if defect else Verdict(token, marks[0].revision)


def _require_scopes(claims: Claims, required_scopes: Iterable[str]) -> None:
    missing = set(required_scopes).difference(claims.scopes)
    if missing:
        raise InsufficientScope(" ".join(sorted(missing)))


def _claims_or_refusal(
    verdict: Verdict | TokenInactive, required_scopes: Sequence[str]
) -> Claims | TokenInactive | InsufficientScope:
    if isinstance(verdict, TokenInactive):
        return verdict
    try:
        require_certificate(verdict.claims, b"")  # a batch comes by no one connection
        _require_scopes(verdict.claims, required_scopes)
    except (TokenInactive, InsufficientScope) as refusal:
        return refusal
    return verdict.claims

"""Whether an access token is to be believed (RFC 9068, 4).

Revocation is not judged here: it needs to be known, not computed.
"""

from authsvc.errors import TokenDefect, TokenInactive
from authsvc.verify.claims import Claims, read_claims
from authsvc.verify.jws import parse
from authsvc.verify.keyring import KeyRing

_MAX_LEEWAY = 60


class TokenVerifier:
    """Checks access tokens of one issuer by one policy. Holds no state; threads may share it."""

    __slots__ = ("_issuer", "_leeway", "_max_lifetime")

    def __init__(self, *, issuer: str, max_lifetime: int, leeway: int) -> None:
        """Set the policy.

        Args:
            issuer: The only `iss` that is accepted.
            max_lifetime: The most that may lie between `iat` and `exp`, in seconds.
            leeway: By how many seconds clocks may differ, 0 to 60.

        Raises:
            ValueError: A value is out of range.

        """
        if not issuer or max_lifetime <= 0 or not 0 <= leeway <= _MAX_LEEWAY:
            message = "issuer not empty, max_lifetime above 0, leeway 0 to 60"
            raise ValueError(message)
        self._issuer = issuer
        self._max_lifetime = max_lifetime
        self._leeway = leeway

    def verify(self, token: str, *, keys: KeyRing, audience: str, now: float) -> Claims:
        """Give the claims of a token that is good for `audience` at `now` (seconds since 1970).

        Raises:
            TokenInactive: The token is not; with the first defect in the order of `TokenDefect`.

        """
        claims = self.read(token, keys=keys)
        self.judge(claims, audience=audience, now=now)
        return claims

    def judge(self, claims: Claims, *, audience: str, now: float) -> None:
        """Let the claims of an authentic token pass if they are good for `audience` at `now`.

        Raises:
            TokenInactive: ISSUER, AUDIENCE, EXPIRED, NOT_YET_VALID or LIFETIME.

        """
        if claims.issuer != self._issuer:
            raise TokenInactive(TokenDefect.ISSUER)
        if claims.audience != audience:
            raise TokenInactive(TokenDefect.AUDIENCE)
        self._check_times(claims, now)

    def read(self, token: str, *, keys: KeyRing) -> Claims:
        """Give the claims of a token that a key of the ring signed, whatever they say.

        Raises:
            TokenInactive: The token is not authentic, or its claims are not of the right form, or
                one that it came from was signed by a key that is not in the ring (any more).

        """
        jws = parse(token)
        key = keys.find(jws.header.key_id)
        if key is None:
            raise TokenInactive(TokenDefect.UNKNOWN_KEY)
        if key.algorithm != jws.header.algorithm:
            raise TokenInactive(TokenDefect.ALGORITHM)
        if not key.verify(jws.signature, jws.signing_input):
            raise TokenInactive(TokenDefect.SIGNATURE)
        claims = read_claims(jws.payload)
        if claims.delegation is not None:
            for key_id in claims.delegation.key_ids:
                if keys.find(key_id) is None:
                    raise TokenInactive(TokenDefect.UNKNOWN_KEY)
        return claims

    def _check_times(self, claims: Claims, now: float) -> None:
        # Each says what must hold, so that a `now` that is no number fails, too.
        if not now < claims.expires_at + self._leeway:
            raise TokenInactive(TokenDefect.EXPIRED)
        if not claims.issued_at <= now + self._leeway:
            raise TokenInactive(TokenDefect.NOT_YET_VALID)
        if not 0 < claims.expires_at - claims.issued_at <= self._max_lifetime:
            raise TokenInactive(TokenDefect.LIFETIME)

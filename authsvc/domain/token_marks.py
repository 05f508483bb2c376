"""What an access token can be revoked by, and what the marks of these names say of it."""

from collections.abc import Sequence

from authsvc.domain.identifiers import AccountId, SessionId, TokenId
from authsvc.domain.revocation import TokenMarks, TokenNames
from authsvc.errors import TokenDefect
from authsvc.verify.claims import Claims, Delegation

_NOTHING = Delegation((), ())


def names_of(claims: Claims) -> Sequence[TokenNames]:
    """Give a token's own names, then those of what it came from: each token, and each actor."""
    actors, token_ids, _ = claims.delegation or _NOTHING
    own = [
        TokenNames(
            token_id=TokenId(token_id),
            session_id=SessionId(claims.session_id),
            account_id=AccountId(claims.subject),
        )
        for token_id in (claims.token_id, *token_ids)
    ]
    # No token of an actor is among what it acts by, and no token bears the name of a session.
    return own + [
        TokenNames(
            token_id=TokenId(actor.session_id),
            session_id=SessionId(actor.session_id),
            account_id=AccountId(actor.subject),
        )
        for actor in actors
    ]


def defect_by(marks: Sequence[TokenMarks], claims: Claims) -> TokenDefect | None:
    """Give what the marks of a token's names, in their order, say is wrong with it."""
    actors, token_ids, _ = claims.delegation or _NOTHING
    epochs = [*[claims.epoch] * (1 + len(token_ids)), *(actor.epoch for actor in actors)]
    own, *others = map(_defect, marks, epochs)
    return own or (TokenDefect.DELEGATION if any(others) else None)


def _defect(marks: TokenMarks, epoch: int) -> TokenDefect | None:
    if marks.token_revoked:
        return TokenDefect.TOKEN_REVOKED
    if marks.session_revoked:
        return TokenDefect.SESSION_REVOKED
    return TokenDefect.EPOCH if epoch < marks.epoch else None

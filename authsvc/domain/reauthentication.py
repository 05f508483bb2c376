"""Who changes what an account proves itself with must have proved themselves, lately and strongly.

A stolen access token alone changes nothing (ASVS 7.5.1).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from authsvc.domain.accounts import Account, AccountStore
from authsvc.domain.calls import Call
from authsvc.domain.clock import Clock
from authsvc.errors import AccountNotFound, TokenDefect, TokenInactive
from authsvc.verify.assurance import AAL2, require_authentication

MAX_AGE = timedelta(minutes=10)
"""How long ago the login may have been."""


class Reauthentication:
    """Makes sure that the account's owner is there."""

    def __init__(self, *, accounts: AccountStore, clock: Clock) -> None:
        self._accounts = accounts
        self._clock = clock

    def require(self, call: Call) -> Account:
        """Give the account that calls for itself, if it has just proven itself with all it has.

        Raises:
            TokenRequired: No account calls.
            TokenInactive: Its token has died meanwhile.
            InsufficientUserAuthentication: The login was too long ago or without the second
                factor.

        """
        account = own_account(call, self._accounts)
        require_second_factor(call, account, now=self._clock().timestamp(), max_age=MAX_AGE)
        return account


def own_account(call: Call, accounts: AccountStore) -> Account:
    """Give the account that calls for itself, at the epoch of its token and no other.

    Raises:
        TokenRequired: No account calls.
        TokenInactive: Its token has died since it was checked.

    """
    account = accounts.find(call.own_account())
    if account is None or call.claims is None or call.claims.epoch != account.epoch:
        raise TokenInactive(TokenDefect.EPOCH)
    return account


def require_second_factor(
    call: Call, account: Account, *, now: float, max_age: timedelta | None = None
) -> None:
    """Accept a token that was got with the second factor, if the account has one.

    Raises:
        InsufficientUserAuthentication: It was not, or longer ago than `max_age`.

    """
    if call.claims is not None:
        acr = AAL2 if account.has_second_factor else ""
        require_authentication(call.claims, max_age=max_age, acr=acr, now=now)


@contextmanager
def at_the_same_epoch() -> Iterator[None]:
    """Change an account at the epoch of the caller's token.

    Raises:
        TokenInactive: The epoch was raised meanwhile, which has ended the token.

    """
    try:
        yield
    except AccountNotFound:
        raise TokenInactive(TokenDefect.EPOCH) from None

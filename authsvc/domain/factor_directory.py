"""Looking after an account's second factors: seeing them, and taking them away."""

from collections.abc import Sequence

from authsvc.domain.accounts import EndTokens
from authsvc.domain.calls import Call
from authsvc.domain.clock import Clock
from authsvc.domain.events import EventType
from authsvc.domain.factors import Factor, FactorStore
from authsvc.domain.grants import Grants, Tokens
from authsvc.domain.identifiers import AccountId, FactorId
from authsvc.domain.reauthentication import Reauthentication, at_the_same_epoch
from authsvc.domain.recovery_codes import hash_recovery_code, new_recovery_codes
from authsvc.domain.revocation import Revoker

READ = "authsvc.factors.read"


class FactorDirectory:
    """What accounts do with their factors, and administrators for them."""

    def __init__(
        self,
        *,
        factors: FactorStore,
        reauthentication: Reauthentication,
        grants: Grants,
        revoker: Revoker,
        clock: Clock,
    ) -> None:
        self._factors = factors
        self._reauthentication = reauthentication
        self._grants = grants
        self._revoker = revoker
        self._clock = clock

    def list(self, call: Call, requested: str) -> tuple[Sequence[Factor], int]:
        """Give the factors of the caller's own account or, with the scope, of any, oldest first.

        Returns:
            The factors, and how many recovery codes are left.

        Raises:
            AccessDenied: Another account, without the scope.
            TokenRequired: No account is named and none calls.

        """
        account_id = call.account(requested, scope=READ)
        return self._factors.list(account_id), self._factors.count_recovery_codes(account_id)

    def delete(self, call: Call, factor_id: FactorId) -> tuple[int, Tokens]:
        """Take a factor of the caller's own away, end all its sessions and open a new one.

        Returns:
            The revision at which the old sessions are dead, and the tokens of the new one.

        Raises:
            TokenRequired: No account calls.
            TokenInactive: Its token has died meanwhile.
            InsufficientUserAuthentication: The login was too long ago or too weak.
            FactorNotFound: It has no such factor.

        """
        account = self._reauthentication.require(call)
        session_id = self._grants.new_session(account.account_id)
        with at_the_same_epoch():
            changed, revocation = self._factors.remove(
                account.account_id,
                factor_id,
                now=self._clock(),
                event=call.event(
                    EventType.FACTOR_DELETED, subject=account.account_id, session_id=session_id
                ),
                expected_epoch=account.epoch,
                end_tokens=self._end_tokens("factor deleted"),
            )
        revision = self._revoker.put_in_force(revocation)
        return revision, self._grants.renew(call, changed, session_id=session_id)

    def reset(self, call: Call, account_id: AccountId) -> int:
        """Take all factors of an account away for somebody who has lost them.

        Returns:
            The revision at which its sessions are dead.

        Raises:
            AccountNotFound: No such account.

        """
        revocation = self._factors.reset(
            account_id,
            now=self._clock(),
            event=call.event(EventType.FACTORS_RESET, subject=account_id),
            end_tokens=self._end_tokens("factors reset"),
        )
        return self._revoker.put_in_force(revocation)

    def regenerate_recovery_codes(self, call: Call) -> Sequence[str]:
        """Give the caller's own account new recovery codes in the place of all others.

        Raises:
            TokenRequired: No account calls.
            TokenInactive: Its token has died meanwhile.
            InsufficientUserAuthentication: The login was too long ago or too weak.
            FactorNotFound: It has no factor that they could stand for.

        """
        account = self._reauthentication.require(call)
        account_id, codes = account.account_id, new_recovery_codes()
        hashes = [hash_recovery_code(account_id, code) for code in codes]
        with at_the_same_epoch():
            self._factors.replace_recovery_codes(
                account_id,
                hashes,
                event=call.event(EventType.RECOVERY_CODES_REPLACED, subject=account_id),
                expected_epoch=account.epoch,
            )
        return codes

    def _end_tokens(self, reason: str) -> EndTokens:
        return EndTokens(reason=reason, remember_until=self._revoker.remember_account())

"""Every way in which a store changes SQL with an event."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Engine

from authsvc.domain.account_import import ImportedAccount
from authsvc.domain.accounts import Account, AccountChange, AccountState, EndTokens
from authsvc.domain.events import Event
from authsvc.domain.factors import Enrolment, Factor, FactorType
from authsvc.domain.guessing import Counter, Settlement
from authsvc.domain.identifiers import AccountId, FactorId, new_account_id, new_factor_id
from authsvc.domain.one_time_codes import GuessLimit, KeptCode
from authsvc.domain.passkeys import Passkey
from authsvc.domain.service_accounts import ServiceAccountChange, ServiceAccountState
from authsvc.domain.signing_keys import generate_key
from authsvc.domain.totp import PendingTotp
from authsvc.stores.sql.account_import import SqlAccountImportStore
from authsvc.stores.sql.accounts import SqlAccountStore
from authsvc.stores.sql.factors import SqlFactorStore
from authsvc.stores.sql.guesses import SqlGuessStore
from authsvc.stores.sql.journal import SqlRevocationJournal
from authsvc.stores.sql.keys import SqlKeyStore
from authsvc.stores.sql.one_time_codes import SqlOneTimeCodeStore
from authsvc.stores.sql.outbox import Outbox
from authsvc.stores.sql.passkeys import SqlPasskeyStore
from authsvc.stores.sql.sealing import Sealer
from authsvc.stores.sql.service_accounts import SqlServiceAccountStore
from authsvc.stores.sql.totp import SqlTotpStore
from authsvc.verify.revocations import RevocationKind
from tests.callers import key_of, service_account

Act = tuple[str, Callable[[], object]]
"""A name, which is the type of the act's event, and what does it."""

_CODES = [bytes([number]) * 32 for number in range(10)]


def event(name: str, subject: str = "") -> Event:
    """Give the event of an act."""
    return Event(type=name, actor="tests", peer="127.0.0.1", subject=subject)


@dataclass(frozen=True)
class Stage:
    """A database with one of everything, and what can be done to it."""

    engine: Engine
    outbox: Outbox
    account: Account
    now: datetime
    end_tokens: EndTokens

    def acts(self) -> Iterator[Act]:
        """Give acts that can all be done in this order, or each by itself."""
        yield from self._accounts()
        yield from self._codes_and_guesses()
        yield from self._services()
        yield from self._keys_and_revocations()
        yield from self._factors()
        yield from self._last()

    def _accounts(self) -> Iterator[Act]:
        accounts = SqlAccountStore(self.engine, self.outbox)
        accounts.create(self.account, event=event("stage"))
        bob = replace(self.account, account_id=new_account_id(), username="Bob", email=None)
        yield "create", partial(accounts.create, bob, event=event("create"))
        update = partial(accounts.change, self.account.account_id, now=self.now)
        yield "update", partial(update, AccountChange(username="Al"), event=event("update"))
        disabled, end = AccountChange(state=AccountState.DISABLED), self.end_tokens
        yield "disable", partial(update, disabled, event=event("disable"), end_tokens=end)

        row = replace(self.account, account_id=new_account_id(), username="Imported", email=None)
        imported = ImportedAccount(account=row, digest=b"d" * 32, kind=None, event=event("import"))
        store = SqlAccountImportStore(self.engine, self.outbox)
        yield "import", partial(store.create_imported, [imported], now=self.now)

    def _codes_and_guesses(self) -> Iterator[Act]:
        codes, limit = SqlOneTimeCodeStore(self.engine, self.outbox), GuessLimit()
        code = KeptCode(
            holder=b"h" * 32,
            code_hash=b"c" * 32,
            is_guessable=True,
            account_id=self.account.account_id,
            epoch=0,
            address=b"a" * 32,
            expire_time=self.now + timedelta(minutes=10),
        )
        codes.keep(code, now=self.now, event=event("stage"), limit=limit)
        for name, holder in (("code", b"i" * 32), ("next code", code.holder)):
            kept = replace(code, holder=holder, code_hash=secrets.token_bytes(32))
            yield name, partial(codes.keep, kept, now=self.now, event=event(name), limit=limit)

        guesses = SqlGuessStore(self.engine, self.outbox)
        counter = Counter(kind="password", name=b"n" * 32, subject=self.account.account_id)
        last = Settlement(timedelta(days=1), event("exhausted"))
        yield "exhausted", partial(guesses.settle, counter, lambda _: last, now=self.now)

    def _services(self) -> Iterator[Act]:
        services, end = SqlServiceAccountStore(self.engine, self.outbox), self.end_tokens
        service = service_account(now=self.now, certificate_names=("a.example",))
        key = key_of(service, now=self.now)[1]
        services.create(service, event=event("stage"))
        services.add_key(key, event=event("stage"))
        other = service_account(now=self.now)
        yield "service", partial(services.create, other, event=event("service"))
        another = key_of(service, now=self.now)[1]
        yield "api key", partial(services.add_key, another, event=event("api key"))
        change = ServiceAccountChange(state=ServiceAccountState.DISABLED)
        yield (
            "service disabled",
            partial(
                services.change,
                service.name,
                change,
                now=self.now,
                event_of=partial(event, "service disabled"),
                end_tokens=end,
            ),
        )
        revoke = partial(services.revoke_key, key.key_id, now=self.now, end_tokens=end)
        yield "api key revoked", partial(revoke, event=event("api key revoked"))
        delete = partial(services.delete, service.name, now=self.now, end_tokens=end)
        yield "service deleted", partial(delete, event_of=partial(event, "service deleted"))

    def _keys_and_revocations(self) -> Iterator[Act]:
        keys = SqlKeyStore(self.engine, self.outbox, Sealer(bytes(32)))
        first, second = (
            generate_key("EdDSA", now=self.now, activate_time=self.now + timedelta(hours=n))
            for n in range(2)
        )
        keys.add(first, newest=None, event=event("stage"))
        yield "key", partial(keys.add, second, newest=first.key_id, event=event("key"))
        until: dict[str, Any] = {
            "reason": "test",
            "now": self.now,
            "remember_until": self.now + timedelta(hours=1),
        }
        revoke = partial(keys.revoke, first.key_id, **until)
        yield "key revoked", partial(revoke, event=event("key revoked"))
        journal = SqlRevocationJournal(self.engine, self.outbox)
        append = partial(journal.append, RevocationKind.SESSION, ["one", "two"], **until)
        yield "sessions revoked", partial(append, events=[event("sessions revoked")])

    def _factors(self) -> Iterator[Act]:
        totp = SqlTotpStore(self.engine, self.outbox, Sealer(bytes(32)))
        passkeys = SqlPasskeyStore(self.engine, self.outbox)
        factors = SqlFactorStore(self.engine, self.outbox)
        owner = replace(self.account, account_id=new_account_id(), username="Owner", email=None)
        app = self._app(owner, epoch=owner.epoch)
        SqlAccountStore(self.engine, self.outbox).create(owner, event=event("stage"))
        totp.begin(app, event=event("stage"))
        yield "offered", partial(totp.begin, app, event=event("offered"))
        enrol = partial(self._enrolment, owner.account_id)
        first = enrol("app", app.factor_id, FactorType.TOTP, owner.epoch)
        yield "app", partial(totp.enrol, first, app, step=7)

        # What follows needs factors, and so has an account of its own.
        holder = replace(owner, account_id=new_account_id(), username="Holder")
        SqlAccountStore(self.engine, self.outbox).create(holder, event=event("stage"))
        app = self._app(holder, epoch=holder.epoch)
        totp.begin(app, event=event("stage"))
        enrol = partial(self._enrolment, holder.account_id)
        first = enrol("stage", app.factor_id, FactorType.TOTP, holder.epoch)
        totp.enrol(first, app, step=7)
        passkey = self._passkey(holder.account_id)
        second = enrol("stage", passkey.factor_id, FactorType.PASSKEY, holder.epoch + 1)
        passkeys.enrol(second, passkey)
        use = partial(totp.use, app.factor_id, step=8, now=self.now)
        yield "app used", partial(use, event=event("app used"))
        use_passkey = partial(passkeys.use, passkey.factor_id, sign_count=5, backed_up=False)
        yield "passkey used", partial(use_passkey, now=self.now, event=event("passkey used"))
        spend = partial(factors.spend_recovery_code, holder.account_id, _CODES[0])
        yield "code spent", partial(spend, event=event("code spent"))
        epoch, another = holder.epoch + 2, self._passkey(holder.account_id)
        replaced = partial(factors.replace_recovery_codes, holder.account_id, _CODES[5:])
        yield "codes", partial(replaced, event=event("codes"), expected_epoch=epoch)
        third = enrol("passkey", another.factor_id, FactorType.PASSKEY, epoch)
        yield "passkey", partial(passkeys.enrol, third, another)

    def _last(self) -> Iterator[Act]:
        accounts = SqlAccountStore(self.engine, self.outbox)
        factors = SqlFactorStore(self.engine, self.outbox)
        owner = replace(self.account, account_id=new_account_id(), username="Last", email=None)
        accounts.create(owner, event=event("stage"))
        passkey = self._passkey(owner.account_id)
        enrolment = self._enrolment(
            owner.account_id, "stage", passkey.factor_id, FactorType.PASSKEY, owner.epoch
        )
        SqlPasskeyStore(self.engine, self.outbox).enrol(enrolment, passkey)
        given: dict[str, Any] = {"now": self.now, "end_tokens": self.end_tokens}
        remove = partial(factors.remove, owner.account_id, passkey.factor_id, **given)
        yield "removed", partial(remove, event=event("removed"), expected_epoch=owner.epoch + 1)
        for name, act in (("reset", factors.reset), ("delete", accounts.delete)):
            yield name, partial(act, owner.account_id, event=event(name), **given)

    def _app(self, owner: Account, *, epoch: int) -> PendingTotp:
        return PendingTotp(
            factor_id=new_factor_id(),
            account_id=owner.account_id,
            display_name="",
            seed=bytes(20),
            epoch=epoch,
            expire_time=self.now + timedelta(minutes=10),
        )

    def _passkey(self, account_id: AccountId) -> Passkey:
        return Passkey(
            factor_id=new_factor_id(),
            account_id=account_id,
            credential_id=secrets.token_bytes(32),
            user_handle=bytes(32),
            public_key=bytes(77),
            sign_count=1,
            aaguid=bytes(16),
            transports=(),
            backup_eligible=False,
            backed_up=False,
        )

    def _enrolment(
        self, account_id: AccountId, name: str, factor_id: FactorId, kind: FactorType, epoch: int
    ) -> Enrolment:
        factor = Factor(
            factor_id=factor_id,
            account_id=account_id,
            type=kind,
            display_name="",
            create_time=self.now,
        )
        return Enrolment(
            factor=factor,
            limit=9,
            recovery_code_hashes=_CODES,
            expected_epoch=epoch,
            event=event(name),
            end_tokens=self.end_tokens,
        )

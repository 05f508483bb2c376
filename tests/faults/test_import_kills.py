"""An import that is killed in the middle is sent again, and each account is made once (P-DUR-1)."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from authn.v1.account_import_pb2 import ImportedAccount, ImportOutcome
from authn.v1.account_service_pb2 import ImportAccountsRequest, ListAccountsRequest
from authn.v1.account_service_pb2_grpc import AccountServiceStub

from tests.faults.outage import seconds_until
from tests.faults.process_tree import Tree, serves, tree

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

_ROWS = [ImportedAccount(external_id=str(n), username=f"row{n}") for n in range(2_000)]
_BATCH = 100


def _batches() -> Iterator[ImportAccountsRequest]:
    for start in range(0, len(_ROWS), _BATCH):
        yield ImportAccountsRequest(accounts=_ROWS[start : start + _BATCH])


def _has_some(accounts: AccountServiceStub) -> bool:
    return bool(accounts.ListAccounts(ListAccountsRequest(page_size=1)).accounts)


def _batches_with_a_kill(
    running: Tree, accounts: AccountServiceStub
) -> Iterator[ImportAccountsRequest]:
    for number, batch in enumerate(_batches()):
        if number == 10:
            seconds_until(lambda: _has_some(accounts), at_most=30)
            running.kill()
        yield batch


def test_p_dur_1_an_import_that_was_killed_is_sent_again_and_makes_each_account_once(
    tmp_path: Path,
) -> None:
    with tree(tmp_path) as running:
        address = running.address
        seconds_until(lambda: serves(address), at_most=30)
        with grpc.insecure_channel(address) as channel, pytest.raises(grpc.RpcError) as cut:
            accounts = AccountServiceStub(channel)
            accounts.ImportAccounts(_batches_with_a_kill(running, accounts))
        assert cut.value.code() is grpc.StatusCode.UNAVAILABLE

    with tree(tmp_path, listen=address) as running:
        seconds_until(lambda: serves(address), at_most=30)
        with grpc.insecure_channel(address) as channel:
            accounts = AccountServiceStub(channel)
            first = accounts.ListAccounts(ListAccountsRequest(page_size=1_000)).accounts
            results = accounts.ImportAccounts(_batches()).results
            again = accounts.ImportAccounts(_batches()).results

    outcomes = Counter(ImportOutcome.Name(r.outcome)[len("IMPORT_OUTCOME_") :] for r in results)
    assert len(first) % _BATCH == 0  # a batch is there as a whole or not at all
    assert outcomes == {"ALREADY_EXISTS": len(first), "CREATED": len(_ROWS) - len(first)}
    assert 0 < len(first) < len(_ROWS)
    assert [r.account_id for r in results] == [r.account_id for r in again]

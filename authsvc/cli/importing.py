"""Sending accounts to a server: as few streams as there must be, each again if it was cut."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import grpc
from authn.v1.account_import_pb2 import ImportedAccount, ImportOutcome, ImportResult
from authn.v1.account_service_pb2 import ImportAccountsRequest
from authn.v1.account_service_pb2_grpc import AccountServiceStub

from authsvc.cli.import_file import Line

_STREAM_ROWS = 10_000
_BATCH_ROWS = 1_000
_BATCH_BYTES = 1024 * 1024
_ATTEMPTS = 6
_FIRST_WAIT_SECONDS = 0.5
_PASSING = (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE)

_PREFIX = "IMPORT_OUTCOME_"
UNREADABLE = "UNREADABLE"
"""Stands beside the outcomes of the contract for a line that was not sent."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a line."""

    line: int
    external_id: str
    outcome: str
    account_id: str = ""
    reason: str = ""

    @property
    def failed(self) -> bool:
        """Whether the line has become no account."""
        return not self.account_id


def import_lines(
    channel: grpc.Channel, lines: Iterable[Line], *, on_sent: Callable[[int], None]
) -> Iterator[Sequence[Imported]]:
    """Send the rows of lines; give what became of them, a stream's at a time and in their order.

    Args:
        channel: To the server, with the operator's credentials.
        lines: The lines.
        on_sent: Is told how many rows have just left.

    Raises:
        grpc.RpcError: A stream failed, again and again if that could pass.

    """
    stub = AccountServiceStub(channel)
    coming = iter(lines)
    # A server that has never answered may not be there at all.
    passing: Sequence[grpc.StatusCode] = _PASSING[:1]
    while part := list(islice(coming, _STREAM_ROWS)):
        rows = [line.row for line in part if line.row is not None]
        results = iter(_send(stub, rows, on_sent, passing) if rows else ())
        passing = _PASSING if rows else passing
        yield [_imported(line, next(results) if line.row is not None else None) for line in part]


def _send(
    stub: AccountServiceStub,
    rows: Sequence[ImportedAccount],
    on_sent: Callable[[int], None],
    passing: Sequence[grpc.StatusCode],
) -> Sequence[ImportResult]:
    wait = _FIRST_WAIT_SECONDS
    for _ in range(_ATTEMPTS - 1):
        try:
            return stub.ImportAccounts(_batches(rows, on_sent)).results
        except grpc.RpcError as error:
            if error.code() not in passing:
                raise
        time.sleep(wait)
        wait *= 2
    return stub.ImportAccounts(_batches(rows, on_sent)).results


def _batches(
    rows: Sequence[ImportedAccount], on_sent: Callable[[int], None]
) -> Iterator[ImportAccountsRequest]:
    batch: list[ImportedAccount] = []
    size = 0
    for row in rows:
        if len(batch) == _BATCH_ROWS or size > _BATCH_BYTES:
            yield ImportAccountsRequest(accounts=batch)
            on_sent(len(batch))
            batch, size = [], 0
        batch.append(row)
        size += row.ByteSize()
    yield ImportAccountsRequest(accounts=batch)
    on_sent(len(batch))


def _imported(line: Line, result: ImportResult | None) -> Imported:
    if result is None:
        return Imported(line.number, "", UNREADABLE, reason=line.fault)
    return Imported(
        line.number,
        result.external_id,
        ImportOutcome.Name(result.outcome).removeprefix(_PREFIX),
        result.account_id,
        result.reason,
    )

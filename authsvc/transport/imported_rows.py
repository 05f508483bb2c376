"""Between the rows of an import and the values of the domain.

The rules of a row are in the contract like all others, but they are held against each row alone:
one that breaks them spoils no other.
"""

from collections.abc import Callable, Iterable, Sequence

from authn.v1.account_import_pb2 import ImportedAccount as RowMessage
from authn.v1.account_import_pb2 import ImportOutcome as OutcomeMessage
from authn.v1.account_import_pb2 import ImportResult as ResultMessage
from authn.v1.account_pb2 import AccountState as AccountStateMessage
from authn.v1.account_service_pb2 import ImportAccountsRequest, ImportAccountsResponse

from authsvc.domain.account_import import ImportedRow, ImportOutcome, ImportResult
from authsvc.domain.accounts import AccountState
from authsvc.errors import FieldViolation, InvalidRequest
from authsvc.transport.messages import moment
from authsvc.transport.validation import find_violations

MOST_ROWS = 10_000
"""Of one stream: their results then fit into 4 MiB, which is what any client takes."""

_MOST_NAME_BYTES = 128
_MOST_REASON_BYTES = 128
_OUTCOMES = {
    ImportOutcome.CREATED: OutcomeMessage.IMPORT_OUTCOME_CREATED,
    ImportOutcome.ALREADY_EXISTS: OutcomeMessage.IMPORT_OUTCOME_ALREADY_EXISTS,
    ImportOutcome.USERNAME_TAKEN: OutcomeMessage.IMPORT_OUTCOME_USERNAME_TAKEN,
    ImportOutcome.UNSUPPORTED_HASH: OutcomeMessage.IMPORT_OUTCOME_UNSUPPORTED_HASH,
    ImportOutcome.COST_OUT_OF_RANGE: OutcomeMessage.IMPORT_OUTCOME_COST_OUT_OF_RANGE,
    ImportOutcome.INVALID: OutcomeMessage.IMPORT_OUTCOME_INVALID,
}

Take = Callable[[Sequence[ImportedRow]], Sequence[ImportResult]]
"""Makes accounts of a batch of rows."""


def take_rows(requests: Iterable[ImportAccountsRequest], take: Take) -> ImportAccountsResponse:
    """Have each batch taken when it comes, and answer for all.

    Raises:
        InvalidRequest: There are more rows than one response can tell of.

    """
    results: list[ResultMessage] = []
    for request in requests:
        if len(results) + len(request.accounts) > MOST_ROWS:
            rule = f"A stream takes at most {MOST_ROWS:,} rows; send the rest in another."
            raise InvalidRequest(FieldViolation("accounts", rule))
        results += _take_batch(request.accounts, take)
    created = _count(results, OutcomeMessage.IMPORT_OUTCOME_CREATED)
    existing = _count(results, OutcomeMessage.IMPORT_OUTCOME_ALREADY_EXISTS)
    return ImportAccountsResponse(
        results=results,
        created_count=created,
        existing_count=existing,
        refused_count=len(results) - created - existing,
    )


def _take_batch(messages: Sequence[RowMessage], take: Take) -> Iterable[ResultMessage]:
    violations = [find_violations(message) for message in messages]
    rows = [m for m, wrong in zip(messages, violations, strict=True) if not wrong]
    taken = iter(take([_row(message) for message in rows]))
    for message, wrong in zip(messages, violations, strict=True):
        yield _result(message.external_id, _invalid(wrong[0]) if wrong else next(taken))


def _row(message: RowMessage) -> ImportedRow:
    is_disabled = message.state == AccountStateMessage.ACCOUNT_STATE_DISABLED
    return ImportedRow(
        username=message.username,
        email=message.email or None,
        email_verified=message.email_verified,
        roles=tuple(message.roles),
        password_hash=message.password_hash or None,
        create_time=moment(message.create_time) if message.HasField("create_time") else None,
        state=AccountState.DISABLED if is_disabled else AccountState.ACTIVE,
    )


def _invalid(violation: FieldViolation) -> ImportResult:
    return ImportResult(ImportOutcome.INVALID, reason=f"{violation.field}: {violation.description}")


def _result(external_id: str, result: ImportResult) -> ResultMessage:
    return ResultMessage(
        external_id=_cut(external_id, _MOST_NAME_BYTES),
        outcome=_OUTCOMES[result.outcome],
        account_id=result.account_id or "",
        reason=_cut(result.reason, _MOST_REASON_BYTES),
    )


def _cut(text: str, size: int) -> str:
    return text.encode()[:size].decode(errors="ignore")


def _count(results: Iterable[ResultMessage], outcome: OutcomeMessage.ValueType) -> int:
    return sum(result.outcome == outcome for result in results)

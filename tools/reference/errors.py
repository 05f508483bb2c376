"""The table of the reasons that an error may have."""

import re

from tools.reference.contract import Contract

_RETRIED = {
    "RESOURCE_EXHAUSTED": "after the time in `RetryInfo`",
    "UNAVAILABLE": "after the time in `RetryInfo`",
    "DEADLINE_EXCEEDED": "if the method is idempotent",
}
_INTRODUCTION = """\
# Errors

Every error is a gRPC status with a sentence for people and details for programs. The detail
`google.rpc.ErrorInfo` is always there: `domain` is `authsvc`, and `reason` is one of those below.
`google.rpc.BadRequest` names every field that is wrong, and `google.rpc.RetryInfo` goes with
whatever passes by itself. [Decoded examples](cookbook.md#errors-decoded) are in the cookbook.

Act on the reason, never on the sentence: sentences may change. No error holds a secret, and none
tells whether an account exists, but for `USERNAME_TAKEN`.

| status | reasons | try again |
|---|---|---|
"""
_RULE = re.compile(r"([A-Z_]+)[:.] (.*)", re.DOTALL)


def page(contract: Contract) -> str:
    """Give the page of errors."""
    lines = _INTRODUCTION.splitlines()
    enum = contract.enums["ErrorReason"]
    reasons = []
    for value in enum.value[1:]:
        found = _RULE.fullmatch(contract.comments[f"ErrorReason.{value.name}"])
        if found is None:
            raise ValueError(f"the comment of {value.name} does not begin with its status")
        reasons.append((value.name.removeprefix("ERROR_REASON_"), found[1], found[2]))
    for status in dict.fromkeys(status for _, status, _ in reasons):
        names = ", ".join(f"[{n}](#{n.lower()})" for n, s, _ in reasons if s == status)
        lines.append(f"| `{status}` | {names} | {_RETRIED.get(status, 'no')} |")
    for name, status, meaning in reasons:
        sentence = meaning[0].upper() + meaning[1:]
        lines += ["", f"## {name}", "", f"`{status}`. {sentence}"]
    return "\n".join(lines) + "\n"

"""All hostile tokens by name, with the defect that each must be refused for."""

from .hostile_contents import Case, claim_contents, claims, json_texts, policy
from .hostile_envelopes import algorithms, headers, signatures, spellings

_GROUPS = (
    algorithms,
    headers,
    signatures,
    spellings,
    json_texts,
    claims,
    claim_contents,
    policy,
)

HOSTILE: dict[str, Case] = {
    f"{group.__name__}: {name}": case for group in _GROUPS for name, case in group().items()
}

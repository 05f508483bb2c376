"""Vectors of tokens: good ones in every allowed form, and the hostile ones of tests/verify."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from authsvc.verify.claims import MAX_ACTORS
from tests.vectors.contents import (
    ACTIVE,
    INACTIVE,
    INSUFFICIENT_SCOPE,
    USUAL,
    Case,
    Group,
)
from tests.verify.hostile import HOSTILE
from tests.verify.minting import (
    AUDIENCE,
    CLAIMS,
    HEADER,
    JWKS,
    LEEWAY,
    MAX_LIFETIME,
    NOW,
    SIGN,
    assemble,
    encode,
    with_claims,
    with_header,
    with_payload,
    without,
)

Sign = Callable[[bytes], bytes]

_LONGEST = 16 * 1024
"""Longer ones than twice what is ever read prove no more."""
_ABOUT = {
    "algorithms": "`alg` must be that of the key that `kid` names: never `none`, never HMAC.",
    "headers": "The header has `alg`, `typ` and `kid`, strings all, and no other member.",
    "signatures": "A signature has one accepted form: fixed length, canonical numbers, a low s.",
    "spellings": "Of all spellings of a token one is accepted: compact, canonical base64url.",
    "json_texts": "Header and payload are strict JSON: UTF-8, unique names, bounded.",
    "claims": "Required claims are there, each of its type.",
    "claim_contents": "Claims have contents of the right form; what narrows a token is not ignored.",
    "policy": "Issuer and audience match exactly; times lie within the policy.",
}


GATEWAY = {"sub": "svc_gateway", "epoch": 2, "sid": "C" * 22}


def passed_on(times: int, *lineage_keys: str) -> str:
    """Make a token that came by so many services; `svc_0` had it first.

    What it was made from was signed by the usual key, unless others are named.
    """
    claims: dict[str, Any] = {}
    for number in range(times):
        claims = {"act": {**claims, **GATEWAY, "sub": f"svc_{number}"}}
    return with_claims(
        **claims,
        lineage=[f"came-from-{number}" for number in range(times)],
        lineage_keys=list(lineage_keys or (HEADER["kid"],)),
    )


def bound_to(certificate: bytes) -> str:
    """Make a token that is bound to a certificate of that SHA-256."""
    return with_claims(cnf={"x5t#S256": encode(certificate)})


def hostile() -> Iterator[Group]:
    """Give a file for each group of hostile tokens."""
    cases: dict[str, list[Case]] = {}
    for title, (token, defect) in HOSTILE.items():
        group, _, name = title.partition(": ")
        listed = cases.setdefault(group, [])
        if len(token) <= _LONGEST and _is_text(token):
            listed.append(Case(name=name, token=token, decision=INACTIVE, defect=defect.name))
    for group, listed in cases.items():
        yield Group(name=group, about=_ABOUT[group], cases=listed)


def _is_text(token: str) -> bool:
    try:
        token.encode()
    except UnicodeEncodeError:
        return False
    return True


def signed_with(algorithm: str, *, key_id: str = "", sign: Sign | None = None) -> str:
    """Make a good token of an algorithm, by default with the usual key."""
    header = {**HEADER, "alg": algorithm, "kid": key_id or JWKS[algorithm]["kid"]}
    texts = (json.dumps(part).encode() for part in (header, CLAIMS))
    return assemble(*texts, sign or SIGN[algorithm])


def accepted() -> Group:
    """Good tokens, so that none is refused for being unusual."""
    text = json.dumps(CLAIMS)
    more = text[:-1] + ","
    tokens = {
        **{f"signed with {algorithm}": signed_with(algorithm) for algorithm in JWKS},
        "typ in full": with_header(typ="application/at+jwt"),
        "header in another order": assemble(
            json.dumps(dict(reversed(HEADER.items()))).encode(), text.encode()
        ),
        "header with spaces": assemble(json.dumps(HEADER, indent=1).encode(), text.encode()),
        "no optional claims": with_payload(
            json.dumps(
                {k: v for k, v in CLAIMS.items() if k not in ("scope", "roles", "amr", "acr")}
            ).encode()
        ),
        "no scope": with_claims(scope=""),
        "a service account": with_claims(sub="svc_0193a5f0c0de7000800000000000beef"),
        "an actor": with_claims(act=GATEWAY, lineage=["D" * 22]),
        "an actor and no keys": with_claims(act=GATEWAY, lineage=["D" * 22], lineage_keys=[]),
        "an actor and the key of before": passed_on(1),
        "two keys of before": passed_on(2, *(JWKS[name]["kid"] for name in ("EdDSA", "ES256"))),
        "as many actors as may be": passed_on(MAX_ACTORS),
        "unknown claims": with_claims(extra=None, other={"a": [1, 2.5e3, True, "x"]}),
        "without white space": with_payload(json.dumps(CLAIMS, separators=(",", ":")).encode()),
        "with much white space": with_payload(json.dumps(CLAIMS, indent="\t\r").encode()),
        "escapes": with_payload((more + r'"\u0061":"\ud83d\ude00\"\\\/\b\f\n\r\t"}').encode()),
        "UTF-8": with_payload((more + '"é":"日本 😀"}').encode()),
        "roles beyond ASCII": with_claims(roles=["größe", "😀"]),
        "8 deep": with_payload((more + '"a":' + "[" * 7 + "]" * 7 + "}").encode()),
        "many brackets, none deep": with_payload((more + '"a":[' + "[]," * 20 + "[]]}").encode()),
        "brackets in a string": with_payload((more + '"a":"' + "[{" * 20 + '"}').encode()),
        "32 digits": with_payload((more + '"a":' + "9" * 32 + "}").encode()),
        "a tiny number": with_payload((more + '"a":1e-999}').encode()),
        "the same name in other objects": with_payload(
            (more + '"a":{"iss":1},"b":[{"iss":2}]}').encode()
        ),
        "names that a map may have of its own": with_claims(
            __proto__={"sub": "x"}, constructor=1, hasOwnProperty=True
        ),
        "8192 bytes": _of_length(8192),
        "the largest integers": with_claims(epoch=2**53 - 1),
        "the smallest integers": with_claims(epoch=0, auth_time=0),
        "the last second of exp": with_claims(iat=NOW - 300, exp=NOW - LEEWAY + 1),
        "iat as far ahead as clocks may differ": with_claims(iat=NOW + LEEWAY),
        "the longest lifetime": with_claims(iat=NOW, exp=NOW + MAX_LIFETIME),
        "one second of life": with_claims(iat=NOW, exp=NOW + 1),
    }
    cases = [Case(name=name, token=token, decision=ACTIVE) for name, token in tokens.items()]
    return Group(
        name="accepted", about="Good tokens, some of them unusual, and what they say.", cases=cases
    )


def _of_length(length: int) -> str:
    """Make a good token of exactly that length."""
    sizes = (with_claims(pad="x" * size) for size in range(5000, 6000))
    return next(token for token in sizes if len(token) == length)


def binding() -> Group:
    """Tokens that are good with one client certificate alone (RFC 8705)."""
    mine, other = bytes(range(32)), bytes(32)
    cases = [
        Case(
            name=f"{name}, {shown}",
            token=token,
            context=replace(USUAL, certificate=certificate),
            decision=decision,
            defect="" if decision == ACTIVE else "CERTIFICATE",
        )
        for name, token, shown, certificate, decision in (
            ("bound", bound_to(mine), "with its certificate", encode(mine), ACTIVE),
            ("bound", bound_to(mine), "with another", encode(other), INACTIVE),
            ("bound", bound_to(mine), "without any", "", INACTIVE),
            ("bound", bound_to(mine), "with the beginning of it", encode(mine[:31]), INACTIVE),
            ("bound to zeros", bound_to(other), "without any", "", INACTIVE),
            ("not bound", with_claims(), "with a certificate", encode(other), ACTIVE),
        )
    ]
    more = Case(
        name="bound, with its certificate, to something else besides",
        token=with_claims(cnf={"x5t#S256": encode(mine), "jkt": "x"}),
        context=replace(USUAL, certificate=encode(mine)),
        decision=INACTIVE,
        defect="CLAIMS",
    )
    return Group(
        name="binding",
        about="A token that is bound to a client certificate is inactive without it.",
        cases=[*cases, more],
    )


def scopes() -> Group:
    """What is required of an active token."""
    asked = replace(USUAL, required_scopes=("orders.read",))
    both = replace(USUAL, required_scopes=("orders.write", "orders.read"))
    one_more = replace(USUAL, required_scopes=("orders.read", "orders.delete"))
    good = with_claims()
    cases = [
        Case(name="one of two", token=good, context=asked, decision=ACTIVE),
        Case(name="both", token=good, context=both, decision=ACTIVE),
        Case(name="one is missing", token=good, context=one_more, decision=INSUFFICIENT_SCOPE),
        Case(
            name="a longer scope is another",
            token=with_claims(scope="orders.reads orders.read.all"),
            context=asked,
            decision=INSUFFICIENT_SCOPE,
        ),
        Case(
            name="scopes have a case",
            token=with_claims(scope="Orders.Read"),
            context=asked,
            decision=INSUFFICIENT_SCOPE,
        ),
        Case(
            name="no scope at all",
            token=with_payload(json.dumps(without(CLAIMS, "scope")).encode()),
            context=asked,
            decision=INSUFFICIENT_SCOPE,
        ),
        Case(
            name="of an inactive token nothing is said",
            token=with_claims(scope="", aud=AUDIENCE + "2"),
            context=asked,
            decision=INACTIVE,
            defect="AUDIENCE",
        ),
    ]
    return Group(name="scopes", about="An active token must have all required scopes.", cases=cases)

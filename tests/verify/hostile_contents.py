"""Hostile contents, and the defect that each must be refused for: JSON, claims, policy."""

import json

from authsvc.errors import TokenDefect
from authsvc.verify.claims import MAX_ACTORS

from .minting import (
    CLAIMS,
    HEADER,
    ISSUER,
    NOW,
    assemble,
    with_claims,
    with_payload,
    without,
)

D = TokenDefect
Case = tuple[str, TokenDefect]
_HEADER = json.dumps(HEADER).encode()
_CLAIMS = json.dumps(CLAIMS).encode()

THUMBPRINT = "A" * 43
"""Of 32 zero bytes."""


def json_texts() -> dict[str, Case]:
    """Row 9: what is not strict JSON, or is more than it takes."""
    text = _CLAIMS.decode()
    body = text[:-1] + ","
    payloads = {
        "not JSON": b"claims",
        "empty array": b"[]",
        "string": b'"claims"',
        "number": b"1",
        "null": b"null",
        "cut": _CLAIMS[:-1],
        "trailing text": _CLAIMS + b"x",
        "two objects": _CLAIMS * 2,
        "leading space": b" " + _CLAIMS,
        "trailing newline": _CLAIMS + b"\n",
        "BOM": b"\xef\xbb\xbf" + _CLAIMS,
        "UTF-16": text.encode("utf-16"),
        "UTF-16-LE": text.encode("utf-16-le"),
        "UTF-32-BE": text.encode("utf-32-be"),
        "Latin-1": (body + '"a":"é"}').encode("latin-1"),
        "overlong UTF-8": body.encode() + b'"a":"\xc0\xaf"}',
        "surrogate in UTF-8": body.encode() + b'"a":"\xed\xa0\x80"}',
        "lone high surrogate": body.encode() + rb'"a":"\ud800"}',
        "lone low surrogate deep": body.encode() + rb'"a":[{"b":"\udc00"}]}',
        "high surrogate before a letter": body.encode() + rb'"a":"\ud800\u0041"}',
        "two high surrogates": body.encode() + rb'"a":"\ud800\ud800"}',
        "surrogate name": body.encode() + rb'"\uD800":1}',
        "control character": body.encode() + b'"a":"\x01"}',
        "single quotes": body.encode() + b"'a':1}",
        "comment": body.encode() + b'/**/"a":1}',
        "trailing comma": body.encode() + b"}",
        "duplicate iss": body.encode() + f'"iss":"{ISSUER}"}}'.encode(),
        "duplicate escaped": body.encode() + rb'"i\u0073s":"x"}',
        "duplicate deep": body.encode() + b'"a":[{"b":1,"b":1}]}',
        "NaN": body.encode() + b'"a":NaN}',
        "Infinity": body.encode() + b'"a":Infinity}',
        "-Infinity deep": body.encode() + b'"a":[-Infinity]}',
        "1e999": body.encode() + b'"a":1e999}',
        "-1e999": body.encode() + b'"a":-1e999}',
        "5,000 digits": body.encode() + b'"a":' + b"9" * 5000 + b"}",
        "4,000 digits": body.encode() + b'"a":' + b"9" * 4000 + b"}",
        "33 digits": body.encode() + b'"a":' + b"9" * 33 + b"}",
        "5,000 decimals": body.encode() + b'"a":0.' + b"1" * 5000 + b"}",
        "leading zero": body.encode() + b'"a":01}',
        "plus": body.encode() + b'"a":+1}',
        "hexadecimal": body.encode() + b'"a":0x1}',
        "arrays 5,000 deep": b"[" * 5000,
        "objects 1,000 deep": b'{"a":' * 1000,
        "9 deep": b'{"a":' * 9 + b"1" + b"}" * 9,
        "good but arrays 9 deep": body.encode() + b'"a":' + b"[" * 8 + b"]" * 8 + b"}",
        "good but objects 9 deep": body.encode() + b'"a":{' * 8 + b"}" * 9,
        "quotes and escapes": b'"' + rb"\"" * 2900 + b"[" * 20,
    }
    cases = {f"payload {name}": (with_payload(p), D.MALFORMED) for name, p in payloads.items()}
    head = _HEADER.decode()[:-1] + ","
    heads = {
        "duplicate alg": head.encode() + b'"alg":"none"}',
        "duplicate kid": head.encode() + b'"kid":"x"}',
        "BOM": b"\xef\xbb\xbf" + _HEADER,
        "UTF-16": _HEADER.decode().encode("utf-16-le"),
        "deep": b"[" * 5000,
        "array": b"[]",
        "5,000 digits": head.encode() + b'"a":' + b"9" * 5000 + b"}",
        "NaN": head.encode() + b'"a":NaN}',
    }
    cases |= {f"header {n}": (assemble(h, _CLAIMS), D.MALFORMED) for n, h in heads.items()}
    cases["header 100,000 deep"] = assemble(b"[" * 100_000, _CLAIMS), D.MALFORMED
    return cases


def claims() -> dict[str, Case]:
    """Required claims that are missing or of a wrong type."""
    cases: dict[str, Case] = {}
    required = ("iss", "sub", "aud", "client_id", "jti", "sid", "iat", "exp", "auth_time", "epoch")
    for name in required:
        payload = json.dumps(without(CLAIMS, name)).encode()
        cases[f"no {name}"] = with_payload(payload), D.CLAIMS
        cases[f"{name} null"] = with_claims(**{name: None}), D.CLAIMS
    for name in required[:6]:
        for value in ("", 1, [CLAIMS[name]], {"a": 1}, True):
            cases[f"{name} {value!r}"] = with_claims(**{name: value}), D.CLAIMS
    for name in required[6:]:
        for number in (True, False, -1, 2**53, float(NOW), str(NOW), [NOW], 10**30):
            cases[f"{name} {number!r}"] = with_claims(**{name: number}), D.CLAIMS
    return cases


def claim_contents() -> dict[str, Case]:
    """Claims of the right type with contents that are not, and lists that are none."""
    cases: dict[str, Case] = {}
    for subject in ("acc_", "svc_", "ACC_1", " acc_1", "user_1", "accsvc_", "1", "acc"):
        cases[f"sub {subject!r}"] = with_claims(sub=subject), D.CLAIMS
    for scope in (None, ["a"], " a", "a ", "a  b", "a\tb", 'a"', "é", 1, "a\n"):
        cases[f"scope {scope!r}"] = with_claims(scope=scope), D.CLAIMS
    for name in ("roles", "amr"):
        for strings in (None, "admin", [1], ["a", None], {"a": 1}, [["a"]], 0, False):
            cases[f"{name} {strings!r}"] = with_claims(**{name: strings}), D.CLAIMS
    for acr in (None, 1, ["aal1"]):
        cases[f"acr {acr!r}"] = with_claims(acr=acr), D.CLAIMS
    cases.update(delegation())
    for cnf in (
        None,
        {},
        "x",
        {"jkt": "x"},
        {"x5t#S256": THUMBPRINT, "jkt": "x"},
        {"x5t#S256": THUMBPRINT[:-1]},
        {"x5t#S256": THUMBPRINT + "="},
        {"x5t#S256": THUMBPRINT[:-1] + "B"},
        {"x5t#S256": "é" * 43},
        {"x5t#S256": ""},
        {"x5t#S256": 1},
        [THUMBPRINT],
    ):
        cases[f"cnf {cnf!r}"] = with_claims(cnf=cnf), D.CLAIMS
    cases["nbf"] = with_claims(nbf=NOW), D.CLAIMS
    return cases


def delegation() -> dict[str, Case]:
    """Tokens of which it can't be told what they come from."""
    cases: dict[str, Case] = {}
    actor = {"sub": "svc_gateway", "epoch": 1, "sid": "C" * 22}
    for act in (
        None,
        "acc_1",
        {},
        [actor],
        {"sub": "svc_gateway"},
        {**actor, "sub": ""},
        {**actor, "sub": "svc_"},
        {**actor, "sub": "gateway"},
        {**actor, "sub": 1},
        {**actor, "epoch": -1},
        {**actor, "epoch": True},
        {**actor, "epoch": 2**53},
        {**actor, "epoch": "1"},
        {**actor, "sid": ""},
        {**actor, "sid": None},
        {**actor, "exp": 1},
        {**actor, "act": None},
        {**actor, "act": {"sub": "svc_edge"}},
    ):
        chain = ["D" * 22] * (2 if isinstance(act, dict) and "act" in act else 1)
        cases[f"act {act!r}"] = with_claims(act=act, lineage=chain), D.CLAIMS
    for lineage in (None, [], "D", ["D"] * 2, [""], [1], [["D"]], {"D": 1}):
        cases[f"lineage {lineage!r}"] = with_claims(act=actor, lineage=lineage), D.CLAIMS
    for keys in (None, "E", ["E"] * 2, [""], [1], [["E"]], {"E": 1}):
        lost = with_claims(act=actor, lineage=["D"], lineage_keys=keys), D.CLAIMS
        cases[f"lineage_keys {keys!r}"] = lost
    cases["lineage_keys alone"] = with_claims(lineage_keys=["E"]), D.CLAIMS
    cases["empty lineage_keys alone"] = with_claims(lineage_keys=[]), D.CLAIMS
    cases["act without lineage"] = with_claims(act=actor), D.CLAIMS
    cases["lineage without act"] = with_claims(lineage=["D"]), D.CLAIMS
    cases["empty lineage without act"] = with_claims(lineage=[]), D.CLAIMS
    chain = dict(actor)
    for _ in range(MAX_ACTORS):
        chain = {**actor, "act": chain}
    lineage = ["D" * 22] * (MAX_ACTORS + 1)
    cases["passed on too often"] = with_claims(act=chain, lineage=lineage), D.CLAIMS
    return cases


def policy() -> dict[str, Case]:
    """Rows 10 and 12: authentic tokens of another issuer, audience or time."""
    cases: dict[str, Case] = {}
    for iss in (ISSUER + "/", ISSUER[:-1], ISSUER.upper(), ISSUER + ".evil.test", " " + ISSUER):
        cases[f"iss {iss!r}"] = with_claims(iss=iss), D.ISSUER
    for aud in ("order", "orders2", "ORDERS", "orders ", "*", "orders,billing", "orders\0", "o"):
        cases[f"aud {aud!r}"] = with_claims(aud=aud), D.AUDIENCE
    times: dict[str, tuple[int, int, TokenDefect]] = {
        "exp now less leeway": (NOW - 300, NOW - 5, D.EXPIRED),
        "exp 0": (0, 0, D.EXPIRED),
        "exp long ago": (NOW - 9000, NOW - 8700, D.EXPIRED),
        "iat beyond leeway": (NOW + 6, NOW + 300, D.NOT_YET_VALID),
        "iat in a century": (NOW + 3_000_000_000, NOW + 3_000_000_300, D.NOT_YET_VALID),
        "exp in a century": (NOW, NOW + 3_000_000_000, D.LIFETIME),
        "exp at the end of integers": (NOW, 2**53 - 1, D.LIFETIME),
        "iat in 1970": (0, NOW + 300, D.LIFETIME),
        "a second too long": (NOW, NOW + 901, D.LIFETIME),
        "exp before iat": (NOW + 5, NOW + 4, D.LIFETIME),
        "exp at iat": (NOW, NOW, D.LIFETIME),
    }
    for name, (iat, exp, defect) in times.items():
        cases[name] = with_claims(iat=iat, exp=exp), defect
    return cases

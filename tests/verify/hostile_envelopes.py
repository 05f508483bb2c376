"""Hostile envelopes, and the defect that each must be refused for: keys, headers, spellings."""

import base64
import gzip
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from authsvc.errors import TokenDefect

from .minting import (
    CLAIMS,
    ED25519_KEY,
    ED25519_ORDER,
    HEADER,
    JWKS,
    P256_KEY,
    P256_ORDER,
    RSA_KEY,
    assemble,
    der_signature,
    encode,
    mint,
    sign_es256,
    sign_rs256,
    with_claims,
    with_header,
    with_payload,
    without,
)

D = TokenDefect
Case = tuple[str, TokenDefect]
_HEADER = json.dumps(HEADER).encode()
_CLAIMS = json.dumps(CLAIMS).encode()
_GOOD = mint()
_H, _P, _S = _GOOD.split(".")
_SIGNATURE = base64.urlsafe_b64decode(_S + "==")


def _resigned(signature: bytes) -> str:
    return f"{_H}.{_P}.{encode(signature)}"


def _es256(signature: Callable[[bytes], bytes]) -> str:
    return with_header(signature, alg="ES256", kid=JWKS["ES256"]["kid"])


def _hmac_with(secret: bytes, **header: Any) -> str:
    def sign(signing_input: bytes) -> bytes:
        return hmac.digest(secret, signing_input, hashlib.sha256)

    return with_header(sign, **{"alg": "HS256", **header})


def algorithms() -> dict[str, Case]:
    """Rows 1 to 3: none, and the public key as an HMAC secret."""
    cases: dict[str, Case] = {}
    for alg in ("none", "None", "NONE", "nOnE", "", " EdDSA", "eddsa", "EdDSA\0", "Ed25519"):
        cases[f"alg {alg!r}"] = with_header(alg=alg), D.ALGORITHM
    for alg in ("ES256", "RS256", "PS256", "HS256", "HS512", "ES512", "dir"):
        cases[f"alg of another key {alg}"] = with_header(alg=alg), D.ALGORITHM
    for value in (None, ["EdDSA"], {"alg": "EdDSA"}, 0, True):
        cases[f"alg {value!r}"] = with_header(alg=value), D.HEADER
    unsigned = json.dumps({**HEADER, "alg": "none"}).encode()
    cases["alg none unsigned"] = f"{encode(unsigned)}.{_P}.", D.MALFORMED
    cases["alg none unsigned, no last dot"] = f"{encode(unsigned)}.{_P}", D.MALFORMED
    keys: dict[str, Any] = {"EdDSA": ED25519_KEY, "ES256": P256_KEY, "RS256": RSA_KEY}
    for name, private in keys.items():
        public = private.public_key()
        jwk = json.dumps(JWKS[name]).encode()
        secrets = {
            "PEM": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            "DER": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
            "SSH": public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
            "JWK": jwk,
            "BOM and JWK": b"\xef\xbb\xbf" + jwk,
            "JWKS": b'{"keys":[' + jwk + b"]}",
            "raw": base64.urlsafe_b64decode(JWKS[name].get("x", JWKS[name].get("n", "")) + "=="),
        }
        for form, secret in secrets.items():
            token = _hmac_with(secret, kid=JWKS[name]["kid"])
            cases[f"HS256 with the {name} key as {form}"] = token, D.ALGORITHM
            same = _hmac_with(secret, kid=JWKS[name]["kid"], alg=name)
            cases[f"an HMAC called {name} with its key as {form}"] = same, D.SIGNATURE
    for name, secret in {"empty": b"", "zero": bytes(32), "dictionary": b"secret"}.items():
        cases[f"HS256 with {name} secret"] = _hmac_with(secret), D.ALGORITHM
    return cases


def headers() -> dict[str, Case]:
    """Rows 4, 5, 8 and 11: keys in the header, kid, extensions, typ."""
    cases: dict[str, Case] = {}
    extra: dict[str, Any] = {
        "jwk": JWKS["EdDSA"],
        "jku": "http://127.0.0.1/jwks.json",
        "x5u": "file:///etc/passwd",
        "x5c": ["MIIB"],
        "x5t": "AAAA",
        "x5t#S256": "AAAA",
        "zip": "DEF",
        "cty": "JWT",
        "enc": "A128GCM",
        "url": "https://example.test",
        "nonce": "n",
        "Alg": "none",
        "": "",
    }
    for name, value in extra.items():
        cases[f"header member {name!r}"] = with_header(**{name: value}), D.HEADER
    for crit in ([], ["exp"], ["b64"], "b64", None):
        cases[f"crit {crit!r}"] = with_header(crit=crit), D.HEADER
    for b64 in (False, True):
        cases[f"b64 {b64}"] = with_header(b64=b64), D.HEADER
    cases["crit and b64"] = with_header(crit=["b64"], b64=False), D.HEADER
    for kid in ("../../dev/null", "' OR 1=1 --", "a\r\nb", "\0", "", "x" * 5000, "http://a/b"):
        cases[f"kid {kid[:20]!r}"] = with_header(kid=kid), D.UNKNOWN_KEY
    cases["kid cut"] = with_header(kid=HEADER["kid"][:-1]), D.UNKNOWN_KEY
    cases["kid in other case"] = with_header(kid=HEADER["kid"].swapcase()), D.UNKNOWN_KEY
    cases["kid over 8 KiB"] = with_header(kid="x" * 60_000), D.MALFORMED
    for value in (1, None, [HEADER["kid"]], {}, True, 1.5):
        cases[f"kid {value!r}"] = with_header(kid=value), D.HEADER
    for typ in ("JWT", "at+JWT", "AT+JWT", "jwt", "rt+jwt", "logout+jwt", "dpop+jwt", "id+jwt"):
        cases[f"typ {typ}"] = with_header(typ=typ), D.TYPE
    for typ in ("", "at+jwt ", "application/AT+jwt", "application/application/at+jwt", "at+jwt\0"):
        cases[f"typ {typ!r}"] = with_header(typ=typ), D.TYPE
    for value in (None, ["at+jwt"], 1):
        cases[f"typ {value!r}"] = with_header(typ=value), D.HEADER
    for name in HEADER:
        header = json.dumps(without(HEADER, name)).encode()
        cases[f"no {name}"] = assemble(header, _CLAIMS), D.HEADER
    cases["empty header"] = assemble(b"{}", _CLAIMS), D.HEADER
    return cases


def signatures() -> dict[str, Case]:
    """Row 6: signatures that are none."""
    r, s = _SIGNATURE[:32], int.from_bytes(_SIGNATURE[32:], "little")
    rsa = {"alg": "RS256", "kid": JWKS["RS256"]["kid"]}
    order, one, zero = P256_ORDER.to_bytes(32, "big"), (1).to_bytes(32, "big"), bytes(32)

    def high_s(signing_input: bytes) -> bytes:
        raw = sign_es256(signing_input)
        return raw[:32] + (P256_ORDER - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")

    return {
        "signature empty": (f"{_H}.{_P}.", D.MALFORMED),
        "Ed25519 zeros": (_resigned(bytes(64)), D.SIGNATURE),
        "Ed25519 one byte": (_resigned(b"\0"), D.SIGNATURE),
        "Ed25519 cut": (_resigned(_SIGNATURE[:-1]), D.SIGNATURE),
        "Ed25519 longer": (_resigned(_SIGNATURE + b"\0"), D.SIGNATURE),
        "Ed25519 doubled": (_resigned(_SIGNATURE * 2), D.SIGNATURE),
        "Ed25519 S+L": (_resigned(r + (s + ED25519_ORDER).to_bytes(32, "little")), D.SIGNATURE),
        "Ed25519 neutral R, zero S": (_resigned(b"\x01" + bytes(63)), D.SIGNATURE),
        "Ed25519 of another payload": (with_header(lambda _: _SIGNATURE), D.SIGNATURE),
        "ES256 zeros": (_es256(lambda _: bytes(64)), D.SIGNATURE),
        "ES256 r=n s=n": (_es256(lambda _: order * 2), D.SIGNATURE),
        "ES256 r=n s=1": (_es256(lambda _: order + one), D.SIGNATURE),
        "ES256 r=0 s=1": (_es256(lambda _: zero + one), D.SIGNATURE),
        "ES256 r=1 s=0": (_es256(lambda _: one + zero), D.SIGNATURE),
        "ES256 r=s=max": (_es256(lambda _: b"\xff" * 64), D.SIGNATURE),
        "ES256 DER": (_es256(der_signature), D.SIGNATURE),
        "ES256 high s": (_es256(high_s), D.SIGNATURE),
        "ES256 s with a leading zero": (
            _es256(lambda i: (raw := sign_es256(i))[:32] + b"\0" + raw[32:]),
            D.SIGNATURE,
        ),
        "ES256 cut": (_es256(lambda i: sign_es256(i)[:-1]), D.SIGNATURE),
        "ES256 doubled": (_es256(lambda i: sign_es256(i) * 2), D.SIGNATURE),
        "RS256 zeros": (with_header(lambda _: bytes(256), **rsa), D.SIGNATURE),
        "RS256 one": (with_header(lambda _: bytes(255) + b"\1", **rsa), D.SIGNATURE),
        "RS256 cut": (with_header(lambda i: sign_rs256(i)[:-1], **rsa), D.SIGNATURE),
        "RS256 longer": (with_header(lambda i: b"\0" + sign_rs256(i), **rsa), D.SIGNATURE),
        "RS256 modulus": (with_header(lambda _: b"\xff" * 256, **rsa), D.SIGNATURE),
        "key of another algorithm": (with_header(sign_rs256), D.SIGNATURE),
    }


def spellings() -> dict[str, Case]:
    """Rows 7 and 8: other spellings of a good token, and other serialisations."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    tail = alphabet[alphabet.index(_S[-1]) + 1]
    general = {"payload": _P, "signatures": [{"protected": _H, "signature": _S}]}
    forms = {
        "empty": "",
        "dots": "..",
        "8192 dots": "." * 8192,
        "padded": _GOOD + "==",
        "one pad": _GOOD + "=",
        "padded header": f"{_H}=.{_P}.{_S}",
        "leading space": " " + _GOOD,
        "trailing space": _GOOD + " ",
        "trailing newline": _GOOD + "\n",
        "newline inside": f"{_H}.{_P[:8]}\n{_P[8:]}.{_S}",
        "space inside": f"{_H}.{_P}.{_S[:8]} {_S[8:]}",
        "tab": _GOOD + "\t",
        "NUL": _GOOD + "\0",
        "Bearer": "Bearer " + _GOOD,
        "tail bits": _GOOD[:-1] + tail,
        "standard alphabet": f"{_H}.{_P}.{'+' + _S[1:]}",
        "stray letter": _GOOD + "*",
        "impossible length": f"{_H}.{_P}.{_S}AAA",
        "not ASCII": _GOOD[:-1] + "é",
        "full-width dot": f"{_H}\uff0e{_P}\uff0e{_S}",
        "surrogate": _GOOD + "\ud800",
        "one part": _H,
        "two parts": f"{_H}.{_P}",
        "four parts": f"{_GOOD}.AAAA",
        "trailing dot": _GOOD + ".",
        "leading dot": "." + _GOOD,
        "no header": f".{_P}.{_S}",
        "detached payload": f"{_H}..{_S}",
        "JWE": f"{_H}.AAAA.AAAA.{_P}.{_S}",
        "general JSON": json.dumps(general),
        "flattened JSON": json.dumps({"protected": _H, "payload": _P, "signature": _S}),
        "8193 bytes": with_claims(pad="x" * 6000).ljust(8193, "A")[:8193],
        "good but too long": with_claims(pad="x" * 6000),
        "a megabyte": "A" * 1_000_000,
        "a megabyte of dots": "." * 1_000_000,
        "gzip payload": with_payload(gzip.compress(bytes(100_000), mtime=0)),
    }
    return {f"spelling: {name}": (token, D.MALFORMED) for name, token in forms.items()}

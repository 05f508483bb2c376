"""What a signing key is, and how one is made. When it does what stands in `keys.py`."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jwt.algorithms import Algorithm, ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from authsvc.domain.identifiers import KeyId
from authsvc.verify.keyring import thumbprint


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A key that access tokens are signed with."""

    key_id: KeyId
    algorithm: str
    """`EdDSA`, `ES256` or `RS256`."""
    private_key: bytes = field(repr=False)
    """PKCS #8 in DER, unsealed."""
    public_jwk: dict[str, str]
    create_time: datetime
    activate_time: datetime
    revoke_time: datetime | None = None


def generate_key(algorithm: str, *, now: datetime, activate_time: datetime) -> SigningKey:
    """Make a key from the system's random source."""
    private_key = _GENERATORS[algorithm]()
    public_jwk = dict(_JWK_WRITERS[algorithm].to_jwk(private_key.public_key(), as_dict=True))
    public_jwk.pop("key_ops", None)
    key_id = thumbprint(public_jwk)
    return SigningKey(
        key_id=KeyId(key_id),
        algorithm=algorithm,
        private_key=private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        public_jwk={**public_jwk, "use": "sig", "alg": algorithm, "kid": key_id},
        create_time=now,
        activate_time=activate_time,
    )


_GENERATORS: dict[
    str, Callable[[], Ed25519PrivateKey | EllipticCurvePrivateKey | RSAPrivateKey]
] = {
    "EdDSA": Ed25519PrivateKey.generate,
    "ES256": lambda: generate_ec_key(SECP256R1()),
    "RS256": lambda: generate_rsa_key(public_exponent=65537, key_size=3072),
}
_JWK_WRITERS: dict[str, type[Algorithm]] = {
    "EdDSA": OKPAlgorithm,
    "ES256": ECAlgorithm,
    "RS256": RSAAlgorithm,
}

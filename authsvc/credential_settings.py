"""The settings of what people prove themselves by; a part of the configuration."""

from pathlib import Path

from pydantic import BaseModel, Field, PositiveInt, SecretStr

from authsvc.configuration_values import Words


class CredentialSettings(BaseModel):
    """What an operator can decide of passwords, guesses at them, and passkeys."""

    password_min_length: int = Field(
        default=15,
        ge=15,
        le=64,
        description="Least length of a new password, in code points, where it is all that a login "
        "takes; 8 do with a second factor.",
    )
    argon2_time_cost: PositiveInt = Field(
        default=2, le=64, description="Passes of argon2id (RFC 9106)."
    )
    argon2_memory_cost_kib: int = Field(
        default=19456, ge=8, le=1048576, description="Memory of one argon2id hash, in KiB."
    )
    argon2_parallelism: PositiveInt = Field(default=1, le=16, description="Lanes of argon2id.")
    breached_passwords: Path | None = Field(
        default=None,
        description="Breached passwords, which new ones may not be: a sorted file of SHA-1 hashes, "
        "or a directory with a file for each prefix of five digits.",
    )
    password_peppers: SecretStr | None = Field(
        default=None,
        description="Keys under which passwords are hashed, kept apart from the database: `ID:KEY` "
        "with spaces or lines between, each key 32 random bytes in base64 or hex. New hashes get "
        "the first. An id never gets another key, and stays until no hash needs it.",
    )
    address_failure_limit: PositiveInt = Field(
        default=1000,
        description="Failed logins, and refused registrations, from one address within 5 minutes. "
        "An IPv6 address counts by its /64.",
    )
    login_failure_limit: PositiveInt = Field(
        default=3000,
        description="Failed logins of all accounts within 5 minutes, from where on only known "
        "devices are let in. Raise it where honest mistakes alone come near.",
    )
    webauthn_rp_id: str = Field(
        default="",
        pattern=r"^([a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*)?$",
        max_length=253,
        description="Domain that passkeys are for (the WebAuthn RP ID), for instance "
        "`example.com`; without one there are no passkeys. Changing it makes all passkeys useless.",
    )
    webauthn_rp_name: str = Field(
        default="",
        max_length=64,
        description="What people are told that a passkey is for; the default is the domain.",
    )
    webauthn_origins: Words = Field(
        default=(),
        description="Origins of the pages that may use passkeys, with spaces between; the default "
        "is `https://` and the domain.",
    )

    def passkey_origins(self) -> tuple[str, ...]:
        """Give the origins of the pages that may use passkeys."""
        return self.webauthn_origins or (f"https://{self.webauthn_rp_id}",)

"""What people prove themselves by, and the wrong guesses at it."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    UniqueConstraint,
)

from authsvc.stores.sql.schema.columns import (
    MYSQL,
    Json,
    Moment,
    exact_bytes,
    identifier,
    metadata,
    of_account,
)

one_time_codes = Table(
    "one_time_codes",
    metadata,
    # One for each purpose and address or account; keyed hashes, as are all the bytes here.
    Column("holder", exact_bytes(32), primary_key=True),
    Column("code_hash", exact_bytes(32), nullable=False),
    Column("is_guessable", Boolean, nullable=False),
    # Of a decoy one that no account has, so that there is no foreign key.
    Column("account_id", identifier(36), nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("address", exact_bytes(32), nullable=False),
    Column("expire_time", Moment, nullable=False),
    Column("wrong_guesses", SmallInteger, nullable=False),
    # When the count of wrong guesses ends; None before the first.
    Column("guesses_end_time", Moment),
    Index(None, "code_hash"),
    Index(None, "account_id"),
    Index(None, "expire_time"),
    **MYSQL,
)

# Wrong guesses in a row, by the name under which they were made and what that led to.
guesses = Table(
    "guesses",
    metadata,
    Column("name", exact_bytes(32), primary_key=True),
    Column("subject", identifier(36), primary_key=True),
    Column("kind", identifier(40), nullable=False),
    Column("failures", BigInteger, nullable=False),
    Column("last_time", Moment, nullable=False),
    Column("forget_time", Moment, nullable=False),
    Index(None, "subject"),
    Index(None, "forget_time"),
    **MYSQL,
)

devices = Table(
    "devices",
    metadata,
    Column("pseudonym", exact_bytes(32), primary_key=True),
    Column("account_id", identifier(36), nullable=False),
    Column("last_use_time", Moment, nullable=False),
    Index(None, "account_id"),
    Index(None, "last_use_time"),
    **MYSQL,
)

factors = Table(
    "factors",
    metadata,
    Column("factor_id", identifier(36), primary_key=True),
    of_account(),
    Column("type", String(16), nullable=False),
    Column("display_name", String(128), nullable=False),
    Column("create_time", Moment, nullable=False),
    Column("last_use_time", Moment),
    Index(None, "account_id"),
    **MYSQL,
)

totp_secrets = Table(
    "totp_secrets",
    metadata,
    Column(
        "factor_id",
        identifier(36),
        ForeignKey("factors.factor_id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("sealed_seed", LargeBinary, nullable=False),
    # The latest step whose code was used; it only goes forward.
    Column("last_step", BigInteger, nullable=False),
    **MYSQL,
)

totp_enrolments = Table(
    "totp_enrolments",
    metadata,
    # One for an account.
    of_account(primary_key=True),
    Column("factor_id", identifier(36), nullable=False),
    Column("display_name", String(128), nullable=False),
    Column("sealed_seed", LargeBinary, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("expire_time", Moment, nullable=False),
    **MYSQL,
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    of_account(primary_key=True),
    Column("code_hash", exact_bytes(32), primary_key=True),
    **MYSQL,
)

passkeys = Table(
    "passkeys",
    metadata,
    Column(
        "factor_id",
        identifier(36),
        ForeignKey("factors.factor_id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("credential_id", exact_bytes(1023), nullable=False),
    Column("user_handle", exact_bytes(64), nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    # It only goes forward, or stays 0.
    Column("sign_count", BigInteger, nullable=False),
    Column("aaguid", exact_bytes(16), nullable=False),
    Column("transports", Json, nullable=False),
    Column("backup_eligible", Boolean, nullable=False),
    Column("backed_up", Boolean, nullable=False),
    UniqueConstraint("credential_id"),
    **MYSQL,
)

"""The tables. Whoever changes one adds a migration; a test compares the two.

Three choices hold for every engine. Times are microseconds since 1970 in a BIGINT: exact
everywhere, where MySQL rounds, SQLite has no such type and both forget the zone. What is looked up
by its content (user names, addresses) is compared as bytes, whatever the database's collation, case
rules and padding are. Lists are JSON in text, because nobody searches in them.
"""

from authsvc.stores.sql.schema.accounts import accounts, hash_kinds
from authsvc.stores.sql.schema.columns import metadata
from authsvc.stores.sql.schema.compatibility import schema_compatibility
from authsvc.stores.sql.schema.credentials import (
    devices,
    factors,
    guesses,
    one_time_codes,
    passkeys,
    recovery_codes,
    totp_enrolments,
    totp_secrets,
)
from authsvc.stores.sql.schema.events import events, events_head
from authsvc.stores.sql.schema.relay import dead_letters, relay_cursors
from authsvc.stores.sql.schema.revocations import journal_head, revocations
from authsvc.stores.sql.schema.secrets import settings, signing_keys
from authsvc.stores.sql.schema.services import api_keys, certificate_names, service_accounts

__all__ = [
    "accounts",
    "api_keys",
    "certificate_names",
    "dead_letters",
    "devices",
    "events",
    "events_head",
    "factors",
    "guesses",
    "hash_kinds",
    "journal_head",
    "metadata",
    "one_time_codes",
    "passkeys",
    "recovery_codes",
    "relay_cursors",
    "revocations",
    "schema_compatibility",
    "service_accounts",
    "settings",
    "signing_keys",
    "totp_enrolments",
    "totp_secrets",
]

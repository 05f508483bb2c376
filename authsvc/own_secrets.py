"""Secrets that the service makes for itself, once, and keeps sealed in SQL."""

from authsvc.config import ConfigurationError
from authsvc.stores.sql.sealing import WrongMasterKey
from authsvc.stores.sql.settings import SqlSettings

_BYTES = 32


def own_secret(settings: SqlSettings, name: str) -> bytes:
    """Give the secret of a name.

    Raises:
        ConfigurationError: It was sealed under another master key.

    """
    try:
        return settings.secret(name, _BYTES)
    except WrongMasterKey:
        message = "AUTHSVC_MASTER_KEY is not the key under which the secrets in SQL were sealed."
        raise ConfigurationError(message) from None

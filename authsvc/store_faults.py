"""What is wrong with the stores that a configuration names: for `authsvc check-config`."""

from collections.abc import Iterator

from sqlalchemy import Engine

from authsvc import policies
from authsvc.config import Config
from authsvc.configuration_values import decode_master_key
from authsvc.domain.password_hashes import Peppers
from authsvc.errors import StoreUnavailable
from authsvc.stores.breached_passwords import BreachListDamaged
from authsvc.stores.redis.configuration import verify_configuration
from authsvc.stores.redis.connection import RedisConnection
from authsvc.stores.sql.engine import connect
from authsvc.stores.sql.keys import kept_keys
from authsvc.stores.sql.migrate import SchemaStanding, schema_standing
from authsvc.stores.sql.peppers import SqlPeppers
from authsvc.stores.sql.sealing import Sealer, WrongMasterKey

_BEHIND = "The SQL schema is not there or not up to date. Run `authsvc migrate`."
_AHEAD = (
    "The SQL schema is of a later version of authsvc, and no longer serves this one. Run that "
    "version, or restore the backup from before its migration."
)


def store_faults(config: Config) -> Iterator[str]:
    """Say what is wrong with the stores, each fault in a sentence that says what to do."""
    yield from breach_list_faults(config)
    yield from _sql_faults(config)
    yield from _redis_faults(config)


def _sql_faults(config: Config) -> Iterator[str]:
    if config.database_url is None and not (config.data / "authsvc.db").exists():
        yield _BEHIND
        return
    engine = connect(config.sql_url())
    try:
        faults = list(schema_faults(engine))
        yield from faults
        if not faults and config.master_key is not None:
            sealer = Sealer(decode_master_key(config.master_key.get_secret_value()))
            kept_keys(engine, sealer)
            yield from pepper_faults(SqlPeppers(engine), policies.peppers(config))
    except StoreUnavailable as error:
        yield f"AUTHSVC_DATABASE_URL: the database does not answer ({error})."
    except WrongMasterKey:
        yield "AUTHSVC_MASTER_KEY is not the key under which the secrets in SQL were sealed."
    finally:
        engine.dispose()


def _redis_faults(config: Config) -> Iterator[str]:
    if config.redis_url is None:
        return
    redis = RedisConnection(config.redis_url.get_secret_value())
    try:
        yield from verify_configuration(redis, require_persistence=config.mode == "production")
    except StoreUnavailable as error:
        yield f"AUTHSVC_REDIS_URL: Redis does not answer ({error})."
    finally:
        redis.close()


def schema_faults(engine: Engine) -> Iterator[str]:
    """Say what keeps this program from working with the schema.

    Raises:
        StoreUnavailable: SQL does not answer.

    """
    match schema_standing(engine):
        case SchemaStanding.BEHIND:
            yield _BEHIND
        case SchemaStanding.AHEAD:
            yield _AHEAD


def breach_list_faults(config: Config) -> Iterator[str]:
    """Say what is wrong with the list of breached passwords."""
    breach_list = policies.breach_list(config)
    if breach_list is None:
        return
    try:
        breach_list.check()
    except BreachListDamaged as error:
        yield f"AUTHSVC_BREACHED_PASSWORDS: {error}. Provide the list as docs/operations.md says."


def pepper_faults(store: SqlPeppers, peppers: Peppers) -> Iterator[str]:
    """Say which peppers are not the ones under which stored passwords were hashed.

    Raises:
        StoreUnavailable: SQL does not answer.

    """
    for pepper_id in store.changed(peppers.keys):
        yield (
            f"AUTHSVC_PASSWORD_PEPPERS: {pepper_id} had another key before. Give the key back, and "
            "a new key an id of its own."
        )
    for pepper_id in store.missing(peppers.keys):
        yield (
            f"AUTHSVC_PASSWORD_PEPPERS lacks {pepper_id}, under which passwords were hashed. Add "
            "it after the first."
        )

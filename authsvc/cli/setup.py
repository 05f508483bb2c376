"""`authsvc check-config` and `authsvc migrate`."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from authsvc.cli.options import Data
from authsvc.cli.output import fail

if TYPE_CHECKING:
    from authsvc.config import Config

Mode = Literal["production", "dev"]


def check_config(
    mode: Annotated[Mode, typer.Option(help="Which mode to check for.")] = "production",
    data: Data = None,
) -> None:
    """Say what is wrong with the present configuration."""
    from authsvc.config import ConfigurationError, load  # noqa: PLC0415
    from authsvc.configuration_faults import faults  # noqa: PLC0415

    try:
        config = load(mode=mode, data=data)
    except ConfigurationError as error:
        fail(*error.faults)
    found = faults(config)
    if not found:
        from authsvc.store_faults import store_faults  # noqa: PLC0415

        found = list(store_faults(config))
    if found:
        fail(*found)
    typer.echo(f"This configuration is good for {mode}.")


def migrate(data: Data = None) -> None:
    """Bring the SQL schema up to date."""
    from authsvc.config import ConfigurationError, load  # noqa: PLC0415
    from authsvc.embedded import prepare_data_directory  # noqa: PLC0415

    try:
        config = load(data=data)
        if config.database_url is None:
            prepare_data_directory(config.data)
        changed = migrate_schema(config)
    except ConfigurationError as error:
        fail(*error.faults)
    typer.echo("The schema was brought up to date." if changed else "The schema is up to date.")


def migrate_schema(config: "Config") -> bool:
    """Bring the SQL schema up to date; say whether there was anything to do.

    Raises:
        ConfigurationError: The database doesn't answer, or its schema is ahead of this program.

    """
    from authsvc.config import ConfigurationError  # noqa: PLC0415
    from authsvc.errors import StoreUnavailable  # noqa: PLC0415
    from authsvc.store_faults import schema_faults  # noqa: PLC0415
    from authsvc.stores.sql.engine import connect  # noqa: PLC0415
    from authsvc.stores.sql.migrate import SchemaStanding, schema_standing, upgrade  # noqa: PLC0415

    engine = connect(config.sql_url())
    try:
        is_behind = schema_standing(engine) is SchemaStanding.BEHIND
        if is_behind:
            upgrade(engine)
        if faults := list(schema_faults(engine)):
            raise ConfigurationError(*faults)
    except StoreUnavailable as error:
        message = f"AUTHSVC_DATABASE_URL: the database does not answer ({error})."
        raise ConfigurationError(message) from None
    finally:
        engine.dispose()
    return is_behind

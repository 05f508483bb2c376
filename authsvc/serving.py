"""What `authsvc serve` and `authsvc up` do: prepare, supervise, clean up."""

import contextlib
from collections.abc import Callable

from pydantic import SecretStr

from authsvc import telemetry, worker
from authsvc.config import Config, ConfigurationError
from authsvc.configuration_faults import faults
from authsvc.embedded import (
    DataDirectoryLock,
    EmbeddedValkey,
    dev_master_key,
    prepare_data_directory,
)
from authsvc.listening import ReservedPort
from authsvc.metrics import prepare_directory
from authsvc.process import fork
from authsvc.supervisor import Supervisor, Work, import_heavy_modules

_MIGRATION_SECONDS = 120.0


def serve(
    load: Callable[[], Config],
    *,
    on_serving: Callable[[Config], None],
    work: Work = worker.run,
    migrate: Callable[[Config], object] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        load: Reads the configuration; called again on SIGHUP.
        on_serving: Told the configuration with the ports that port 0 became, once all serve.
        work: What each worker does.
        migrate: Brings the SQL schema up to date before the workers start.

    Raises:
        ConfigurationError: It does not start, and why.

    """
    config = checked(load())
    telemetry.configure_stderr(level=config.log_level, log_format=config.log_format)
    prepare_data_directory(config.data)
    with contextlib.ExitStack() as cleanup:
        lock = DataDirectoryLock(config.data)
        cleanup.callback(lock.release)
        metrics_directory = config.data.absolute() / "metrics"
        prepare_directory(metrics_directory)
        valkey = _start_valkey(config, cleanup)
        found = _found(config, valkey, cleanup)
        import_heavy_modules()
        if valkey is not None:
            valkey.wait_until_ready()
        config = config.model_copy(update=found)
        if migrate is not None:
            _migrate(config, migrate)
        Supervisor(
            config,
            work,
            metrics_directory=metrics_directory,
            reload=lambda: checked(load()).model_copy(update=found),
            on_serving=lambda: on_serving(config),
            companion=valkey,
        ).run()


def checked(config: Config) -> Config:
    """Give the configuration back.

    Raises:
        ConfigurationError: It is one that does not start.

    """
    found = faults(config)
    if found:
        raise ConfigurationError(*found)
    return config


def _start_valkey(config: Config, cleanup: contextlib.ExitStack) -> EmbeddedValkey | None:
    if config.redis_url is not None:
        return None
    valkey = EmbeddedValkey(config.data)
    valkey.start()
    cleanup.callback(valkey.stop)
    return valkey


def _found(
    config: Config, valkey: EmbeddedValkey | None, cleanup: contextlib.ExitStack
) -> dict[str, object]:
    """Give what the operator has left open: ports, and in dev mode the key and the Redis."""
    found: dict[str, object] = {}
    for field in ("listen", "http"):
        port = ReservedPort(getattr(config, field), setting=f"AUTHSVC_{field.upper()}")
        cleanup.callback(port.release)
        found[field] = port.address
    if valkey is not None:
        found["redis_url"] = SecretStr(valkey.url)
    if config.master_key is None:
        found["master_key"] = SecretStr(dev_master_key(config.data))
    return found


def _migrate(config: Config, migrate: Callable[[Config], object]) -> None:
    # In a child, so that no connection is open when the workers are forked.
    code = fork(lambda: migrate(config)).wait(_MIGRATION_SECONDS)
    if code != 0:
        message = "The SQL schema could not be brought up to date; the lines above say why."
        raise ConfigurationError(message)

"""Checks at the start that Redis is fit to be relied on (P-CFG-1)."""

import re

from authsvc.errors import StoreUnavailable
from authsvc.stores.redis.connection import RedisConnection

_LEAST_MAJOR_VERSION = 7


def verify_configuration(connection: RedisConnection, *, require_persistence: bool) -> list[str]:
    """Give what is wrong with the server's configuration, in sentences; nothing if it is fit.

    Raises:
        StoreUnavailable: Redis does not answer.

    """
    info = _info(connection)
    faults = []
    version = info.get("redis_version", "0")
    if int(version.split(".")[0]) < _LEAST_MAJOR_VERSION:
        faults.append(f"Redis {version} is too old: 7.0 or later is needed.")
    policy = info.get("maxmemory_policy", "unknown")
    if policy != "noeviction":
        faults.append(
            f"maxmemory-policy is {policy}, by which Redis could drop revocations: "
            "set it to noeviction."
        )
    if require_persistence and info.get("aof_enabled") != "1" and not _saves(connection):
        faults.append("Redis keeps nothing on disk: set appendonly to yes.")
    return faults


def _info(connection: RedisConnection) -> dict[str, str]:
    text = connection.command("INFO").decode()
    return dict(re.findall(r"^(\w+):(.*?)\r?$", text, flags=re.MULTILINE))


def _saves(connection: RedisConnection) -> bool:
    """Whether snapshots are taken. A hosted Redis that hides it doesn't count as saving."""
    try:
        _, value = connection.command("CONFIG", "GET", "save")
    except StoreUnavailable:
        connection.ping()
        return False
    return bool(value)

"""Makes the stream that takes security events, if it is not there: authsvc makes none itself.

Run by the compose file in the image of authsvc, which has Python and the client of NATS.
"""

import asyncio
import os
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import nats
from nats.js.api import DiscardPolicy, StorageType, StreamConfig

_DUPLICATE_SECONDS = 120.0


def sink() -> SplitResult:
    """Read the URL of the first sink from the file that names it."""
    sinks = Path(os.environ["AUTHSVC_EVENT_SINKS_FILE"]).read_text(encoding="ascii")
    return urlsplit(sinks.partition("=")[2].split()[0])


async def make_stream(url: SplitResult) -> None:
    """Make the stream for the subject that a sink names; one that is there stays as it is."""
    connection = await nats.connect(f"nats://{url.netloc}")
    await connection.jetstream().add_stream(
        StreamConfig(
            name="EVENTS",
            subjects=[url.path.lstrip("/")],
            storage=StorageType.FILE,
            discard=DiscardPolicy.NEW,
            max_bytes=512 * 1024 * 1024,
            duplicate_window=_DUPLICATE_SECONDS,
        )
    )
    await connection.close()


asyncio.run(make_stream(sink()))

"""`authsvc events dead-letters` and `replay`: what sinks have refused, and sending it again."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from authsvc.cli.database import opened, sealer
from authsvc.cli.options import Data, Json
from authsvc.cli.output import fail, show

if TYPE_CHECKING:
    from pathlib import Path

    from authsvc.config import Config
    from authsvc.domain.event_relay import DeadLetter
    from authsvc.relay.addresses import SinkAddress
    from authsvc.relay.replay import Replay

_BATCH = 500


def dead_letters(
    sink: Annotated[str, typer.Argument(help="The name of the sink.")],
    *,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List the events that a sink has refused for good."""
    from authsvc.stores.sql.relay import SqlRelayStore  # noqa: PLC0415

    with opened(data) as (_, engine):
        store, letters = SqlRelayStore(engine), list["DeadLetter"]()
        while more := store.dead_letters(
            sink, after=letters[-1].sequence if letters else 0, limit=_BATCH
        ):
            letters += more
    show([_row(letter) for letter in letters], as_json=as_json)


def replay(
    sink: Annotated[str, typer.Argument(help="The name of the sink.")],
    *,
    after: Annotated[
        int | None,
        typer.Option(min=0, metavar="SEQUENCE", help="All that it has had after this event."),
    ] = None,
    data: Data = None,
) -> None:
    """Send a sink its dead letters again, or with --after all events that it has had since.

    They come behind newer ones, under the same ids. The exit code is 1 if some were refused.
    """
    from authsvc.errors import EventsForgotten  # noqa: PLC0415
    from authsvc.relay.sink import SinkUnavailable  # noqa: PLC0415

    with _opened_replay(sink, data) as replaying:
        try:
            done = replaying.refused() if after is None else replaying.range(after)
        except EventsForgotten:
            fail("Not all events after this one are kept.")
        except SinkUnavailable as error:
            fail(f"The sink does not take events at present: {error}. Run the command again.")
    typer.echo(f"{done.taken} taken, {done.refused} refused", err=True)
    if done.refused:
        raise typer.Exit(1)


@contextmanager
def _opened_replay(sink: str, data: "Path | None") -> "Iterator[Replay]":
    from functools import partial  # noqa: PLC0415

    from authsvc.domain.event_reading import EventReader  # noqa: PLC0415
    from authsvc.recording import event_chain  # noqa: PLC0415
    from authsvc.relay.cloudevents import message  # noqa: PLC0415
    from authsvc.relay.delivery import Courier  # noqa: PLC0415
    from authsvc.relay.replay import Replay  # noqa: PLC0415
    from authsvc.relay.sinks import open_sink  # noqa: PLC0415
    from authsvc.stores.sql.events import SqlEventStore  # noqa: PLC0415
    from authsvc.stores.sql.relay import SqlRelayStore  # noqa: PLC0415
    from authsvc.stores.sql.settings import SqlSettings  # noqa: PLC0415
    from authsvc.system_clock import steady_clock  # noqa: PLC0415

    with opened(data) as (config, engine):
        courier = Courier(partial(open_sink, _address(sink, config)))
        chain = event_chain(SqlSettings(engine, sealer(config)))
        try:
            yield Replay(
                sink,
                courier=courier,
                reader=EventReader(SqlEventStore(engine, chain)),
                store=SqlRelayStore(engine),
                render=partial(message, source=config.issuer),
                clock=steady_clock(),
            )
        finally:
            courier.close()


def _address(sink: str, config: "Config") -> "SinkAddress":
    from authsvc.relay.addresses import missing_extras, parse_sinks  # noqa: PLC0415

    try:
        text = config.event_sinks.get_secret_value() if config.event_sinks else ""
        found = [address for address in parse_sinks(text) if address.name == sink]
    except ValueError as error:
        fail(f"AUTHSVC_EVENT_SINKS {error}.")
    if not found:
        fail(f"AUTHSVC_EVENT_SINKS names no sink {sink}.")
    if missing := list(missing_extras(found)):
        fail(*(f"AUTHSVC_EVENT_SINKS {one}" for one in missing))
    return found[0]


def _row(letter: "DeadLetter") -> dict[str, str]:
    return {
        "time": letter.refuse_time.isoformat(timespec="milliseconds"),
        "sequence": str(letter.sequence),
        "event_id": letter.event_id,
        "type": letter.type,
        "reason": letter.reason,
        "refusals": str(letter.refusals),
    }

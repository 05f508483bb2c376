"""Where the time of a call goes, for whoever wants to see it; the domain does not know who."""

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Span(Protocol):
    """Measures what is done within, as a part of the call that is being answered.

    Implementations MUST NOT raise, wait, or keep what may be secret: names are constants.
    """

    def __call__(self, name: str, *, system: str = "") -> AbstractContextManager[object]:
        """Begin one.

        Args:
            name: What is done, in constant words.
            system: The database that is waited for, by the name of its kind; empty if it is none.

        """


_NOTHING = nullcontext()


def untraced(name: str, *, system: str = "") -> AbstractContextManager[object]:  # noqa: ARG001
    """Measure nothing."""
    return _NOTHING

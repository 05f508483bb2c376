"""Refusals that a contract has a place for in its answers."""

from google.protobuf.message import Message

from authsvc.errors import AuthError


class RefusedInAnswer(Exception):
    """A call was refused, and the answer says so; no status is to."""

    def __init__(self, error: AuthError, answer: Message) -> None:
        """Take what it was refused for, which is counted and logged, and the answer."""
        super().__init__(str(error))
        self.error = error
        self.answer = answer

"""A bounded memory of what was used of late."""

from typing import Generic, TypeVar

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Recent(Generic[_Key, _Value]):
    """Values by their keys; threads may share it.

    What is found in the older half moves to the newer one, and when that is full the older one
    goes. So what is in use stays, and no entry needs a place in a list.
    """

    __slots__ = ("_half", "_newer", "_older")

    def __init__(self, capacity: int) -> None:
        """Hold at most so many values, and no fewer than half of the latest."""
        self._half = max(1, capacity // 2)
        self._newer: dict[_Key, _Value] = {}
        self._older: dict[_Key, _Value] = {}

    def __len__(self) -> int:
        """Count the keys."""
        return len({*self._newer, *self._older})

    def find(self, key: _Key) -> _Value | None:
        """Give the value of a key, or None."""
        found = self._newer.get(key)
        if found is None:
            found = self._older.get(key)
            if found is not None:
                self.keep(key, found)
        return found

    def keep(self, key: _Key, value: _Value) -> None:
        """Keep a value as the latest that was used."""
        if len(self._newer) >= self._half:
            self._older, self._newer = self._newer, {}
        self._newer[key] = value

"""Page tokens (AIP-158): where a list goes on, sealed so that nobody makes one up."""

import hmac

from authsvc.domain.identifiers import decode_id, encode_id
from authsvc.errors import InvalidPageToken

_DEFAULT_SIZE = 50
_LARGEST_SIZE = 1_000
_MAC_BYTES = 16


def page_size(requested: int) -> int:
    """Give the size of a page."""
    return min(requested or _DEFAULT_SIZE, _LARGEST_SIZE)


class PageTokens:
    """Writes and reads the page tokens of one list under a key of 32 bytes."""

    def __init__(self, key: bytes, *, method: str) -> None:
        self._key = hmac.digest(key, method.encode(), "sha256")

    def write(self, after: str, *, scope: str = "") -> str:
        """Write the token for the page after an item; it is good for the same scope only."""
        item = after.encode()
        return encode_id(self._mac(item, scope) + item)

    def read(self, token: str, *, scope: str = "") -> str | None:
        """Give the item after which the page begins; None for the first page.

        Raises:
            InvalidPageToken: It was not written here, or for another list.

        """
        if not token:
            return None
        try:
            raw = decode_id(token)
        except ValueError:
            raise InvalidPageToken from None
        mac, item = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(item, scope)):
            raise InvalidPageToken
        return item.decode()

    def _mac(self, item: bytes, scope: str) -> bytes:
        message = scope.encode() + b"\0" + item
        return hmac.digest(self._key, message, "sha256")[:_MAC_BYTES]

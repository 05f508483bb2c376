"""A process that checks tokens by the client library, and says when it refuses each.

It is given the server as an argument and then tokens, a line of JSON each. It says that it is
ready, that it has accepted a token, and at what time of the monotonic clock it refused it.
"""

import json
import sys
import time
from datetime import timedelta

from authsvc.client import Verifier
from authsvc.errors import TokenInactive

_PAUSE = 0.001


def main() -> None:
    """Follow the feed until standard input ends."""
    with Verifier(sys.argv[1], issuer="https://authsvc.localhost", audience="authsvc") as verifier:
        verifier.wait_until_ready(timedelta(seconds=30))
        print("true", flush=True)
        for line in sys.stdin:
            token = json.loads(line)
            verifier.verify(token)
            print("true", flush=True)
            print(json.dumps(_refused_at(verifier, token)), flush=True)


def _refused_at(verifier: Verifier, token: str) -> float:
    while True:
        try:
            verifier.verify(token)
        except TokenInactive:
            return time.monotonic()
        time.sleep(_PAUSE)


if __name__ == "__main__":
    main()

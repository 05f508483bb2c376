"""The library for Python services: tokens checked in their own process, by the server's own rules.

It needs the base install alone. It must not touch the domain, the stores or the transport; servers'
frameworks are only touched by `interceptors.py` (grpc) and `asgi.py`, which are imported by name.
"""

from authsvc.client.observing import Observer
from authsvc.client.verifier import Mode, Verdict, Verifier

__all__ = ["Mode", "Observer", "Verdict", "Verifier"]

"""A storm: so many logins a second, whatever becomes of them, until it is terminated.

A process of its own: `python -m benchmarks.storm ADDRESS RATE ACCOUNTS`.
"""

import sys
import time

import grpc
from authn.v1.auth_service_pb2 import LoginRequest
from authn.v1.auth_service_pb2_grpc import AuthServiceStub

from benchmarks.harness import PASSWORD


def username(number: int) -> str:
    """Give the user name of an account that the storm logs in to."""
    return f"person{number}"


def main() -> None:
    """Send logins, evenly spaced, to one account after the other."""
    address, rate, accounts = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
    with grpc.insecure_channel(address) as channel:
        auth = AuthServiceStub(channel)
        number, due = 0, time.monotonic()
        while True:
            time.sleep(max(0.0, due - time.monotonic()))
            request = LoginRequest(identifier=username(number % accounts), password=PASSWORD)
            auth.Login.future(request, timeout=5)
            number, due = number + 1, due + 1 / rate


if __name__ == "__main__":
    main()

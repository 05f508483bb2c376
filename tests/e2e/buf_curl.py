"""`grpcurl`, spoken by `buf curl`: the translation that docs/cookbook.md gives, run as a program."""

import argparse
import json
import os
import sys

BUF_CURL = ["buf", "curl", "--protocol", "grpc", "--http2-prior-knowledge"]


def translated(arguments: list[str]) -> list[str]:
    """Give the command of buf for the arguments of grpcurl."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("-plaintext", action="store_true", required=True)
    parser.add_argument("-d")
    parser.add_argument("-H", action="append", default=[])
    parser.add_argument("-max-time", dest="max_time")
    parser.add_argument("address")
    parser.add_argument("what")
    parser.add_argument("symbol", nargs="?")
    given = parser.parse_args(arguments)
    url = f"http://{given.address}"
    if given.what in {"list", "describe"}:  # buf describes nothing, but learns it to list methods
        return [*BUF_CURL, f"--{_LISTING[given.what]}", url]
    command = [*BUF_CURL]
    for header in given.H:
        command += ["-H", header]
    if given.max_time is not None:
        command += ["--timeout", f"{given.max_time}s"]
    if given.d is not None:
        command += ["-d", "@-" if given.d == "@" else _as_json_mapping(given.d)]
    return [*command, f"{url}/{given.what}"]


_LISTING = {"list": "list-services", "describe": "list-methods"}


def _as_json_mapping(data: str) -> str:
    """Write a mask as the JSON mapping of protobuf does and grpcurl does not."""
    message = json.loads(data)
    if "update_mask" in message:
        message["update_mask"] = ",".join(message["update_mask"]["paths"])
    return json.dumps(message)


if __name__ == "__main__":
    command = translated(sys.argv[1:])
    os.execvp(command[0], command)

"""The yardstick of logins: argon2-cffi alone, verifying one hash on so many threads.

Every line of standard input is a number of seconds; the answer has the form of `load`'s.
"""

import json
import sys
import threading
import time

import argon2

from authsvc.domain.password_hashes import Argon2Profile
from benchmarks.harness import PASSWORD


def main() -> None:
    """Hash as often as asked."""
    profile = Argon2Profile()
    hasher = argon2.PasswordHasher(
        time_cost=profile.time_cost,
        memory_cost=profile.memory_cost_kib,
        parallelism=profile.parallelism,
    )
    stored = hasher.hash(PASSWORD)
    for line in sys.stdin:
        seconds = json.loads(line)
        answer = {"calls": _run(hasher, stored, seconds), "failed": 0, "seconds": seconds}
        print(json.dumps(answer), flush=True)


def _run(hasher: argon2.PasswordHasher, stored: str, seconds: float) -> int:
    ends = time.monotonic() + seconds
    counts: list[int] = []

    def work() -> None:
        count = 0
        while hasher.verify(stored, PASSWORD) and time.monotonic() < ends:
            count += 1
        counts.append(count)

    threads = [threading.Thread(target=work) for _ in range(int(sys.argv[1]))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts)


if __name__ == "__main__":
    main()

"""What a process sets for itself."""

import platform
import re
import subprocess
import sys

import pytest

_THREADS = 20

_PROGRAM = """
import ctypes, os, sys, threading
from authsvc.process import separate_threads_memory
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])  # as a worker; glibc shares among few
separate_threads_memory()
all_there = threading.Barrier(int(sys.argv[1]) + 1)
def work():
    kept = bytearray(100_000)
    all_there.wait()
    all_there.wait()
for _ in range(int(sys.argv[1])):
    threading.Thread(target=work).start()
all_there.wait()
libc = ctypes.CDLL(None)
libc.fdopen.restype = ctypes.c_void_p
output = ctypes.c_void_p(libc.fdopen(1, b"w"))
libc.malloc_info(0, output)
libc.fflush(output)
all_there.wait()
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="asks glibc for its arenas")
def test_each_thread_allocates_from_memory_of_its_own() -> None:
    shown = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(_THREADS)], stdout=subprocess.PIPE, check=True
    ).stdout.decode()
    assert len(re.findall("<heap nr=", shown)) > _THREADS

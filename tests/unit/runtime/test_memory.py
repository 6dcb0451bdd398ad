"""A worker gives back the memory of large blocks, and its pool processes share what was there before them."""

import ctypes
import subprocess
import sys

import pytest

LARGE = """
import sys, threading
from pathlib import Path
from prelabel_worker.runtime import memory

if sys.argv[1] == "bound":
    memory.bound()

def used():
    # In MB. A machine under pressure puts a part into its swap.
    lines = Path("/proc/self/status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(("VmRSS", "VmSwap"))) // 1024

def work():
    blocks = [b"x" * 300_000]  # the first one that is freed tells glibc to keep such blocks in its heap
    blocks.clear()
    for _ in range(300):
        blocks.append(b"x" * 300_000)
        small.append(bytes(1000))

small = []
before = used()
threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads:
    thread.start()
    thread.join()
print(used() - before)
"""
FROZEN = """
import gc
from prelabel_worker.runtime import memory
memory.share()
print(gc.get_freeze_count())
"""


def answer(code: str, *arguments: str) -> int:
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="the C library is not glibc")
def test_large_blocks_go_back_to_the_system() -> None:
    assert answer(LARGE, "bound") < 10
    assert answer(LARGE, "as it is") > 50  # MB: else this test would not notice anything


def test_objects_that_children_share_are_left_out_of_collections() -> None:
    assert answer(FROZEN) > 1000

"""Freed memory stays with the process."""

import subprocess
import sys

import pytest

# Allocates and frees 64 MiB ten times; by default every round costs 16,384 page faults of 4 KiB.
_ROUNDS = """
import resource, sys
import torch
from pointillist.allocation import keep_freed_memory
if sys.argv[1] == "kept":
    assert keep_freed_memory()
faults = []
for _ in range(10):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(2**24)
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(faults[0], min(faults[1:]))
"""


def _faults(mode: str) -> tuple[int, int]:
    run = [sys.executable, "-c", _ROUNDS, mode]
    first, later = subprocess.run(run, check=True, capture_output=True, text=True).stdout.split()
    return int(first), int(later)


@pytest.mark.skipif(sys.platform != "linux", reason="mallopt is glibc's")
def test_memory_that_was_used_once_costs_no_page_faults_again():
    first, later = _faults("kept")
    assert first > 100  # with huge pages one fault brings 2 MiB: 32 of them at least, and others
    assert later < 10


@pytest.mark.skipif(sys.platform != "linux", reason="mallopt is glibc's")
def test_without_it_every_round_pays():
    assert _faults("default")[1] > 30

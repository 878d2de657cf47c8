"""The allocator."""

from __future__ import annotations

from nas.detectors.inference.memory import keep_freed_memory


def test_the_allocator_can_be_told_to_keep_memory() -> None:
    assert keep_freed_memory() in (True, False)

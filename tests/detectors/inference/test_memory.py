"""The allocator."""

from __future__ import annotations

import ctypes

import pytest

from nas.detectors.inference.memory import keep_freed_memory


def test_the_allocator_is_told_to_keep_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    told = []

    class Library:
        def __init__(self, name: object) -> None:
            self.mallopt = lambda name, value: told.append((name, value)) or 1

    monkeypatch.setattr(ctypes, "CDLL", Library)
    monkeypatch.setattr("sys.platform", "linux")
    assert keep_freed_memory()
    assert told == [(-1, 2**31 - 1), (-3, 2**25), (-2, 2**26)]  # trim, mmap and top pad thresholds of glibc


def test_without_glibc_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    assert not keep_freed_memory()
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert not keep_freed_memory()

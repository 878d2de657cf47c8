"""Without a compiler that works there are no operators, and the log says once why."""

from pathlib import Path

import pytest

from nas.detectors.fused import building
from nas.detectors.fused.building import load_operators

load = load_operators.__wrapped__  # not the one that remembers


@pytest.mark.parametrize(
    ("compiler", "said"),
    [
        ("/nowhere/g++", "CXX names /nowhere/g++, which is not there"),
        ("false", "the C++ compiler false ended with exit code 1"),
        ("sh -c 'echo a.cpp:1: fatal error: no header >&2; exit 3'", "exit code 3: a.cpp:1: fatal error: no header"),
    ],
)
def test_a_compiler_that_does_not_work(
    compiler: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("CXX", compiler)
    assert load() is None
    (record,) = [one for one in caplog.records if one.levelname == "WARNING"]
    assert record.getMessage().startswith("training uses PyTorch's plain operators, which take longer: ")
    assert said in record.getMessage()
    assert not list((tmp_path / "cache").glob("*.so"))


def test_no_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert load() is None
    assert "install g++ or clang++, or set CXX to its path" in caplog.text


def test_a_folder_that_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "file"))
    assert load() is None
    assert "plain operators" in caplog.text
    monkeypatch.setattr("os.getuid", lambda: -1)
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    assert load() is None
    assert "belongs to another user" in caplog.text


def test_another_processor_has_a_library_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    here = building._fingerprint()
    assert building._fingerprint() == here
    monkeypatch.setattr(building, "_processor", lambda: "flags: fpu")
    assert building._fingerprint() != here

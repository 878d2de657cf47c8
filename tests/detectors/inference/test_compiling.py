"""What stands in the way of compiling is one sentence; other errors stay what they are."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch._dynamo.exc import TorchDynamoException

from nas.detectors.inference import winograd
from nas.detectors.inference.compiling import compiling
from nas.detectors.inference.winograd import WinogradConv
from search_spaces.errors import ConfigError

ROOT = Path(__file__).parents[3]
MISSING = "InvalidCxxCompiler: No working C++ compiler found in torch._inductor.config.cpp.cxx: (None, 'g++')\n\nSet X"
BROKEN = "CppCompileError: C++ compile error\n\nCommand:\ng++ a.cpp\n\nOutput:\na.cpp:1: fatal error: omp.h: none\n"
REFUSED = "PermissionError: [Errno 13] Permission denied: '/cache/ab'\n\nSet X"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TorchDynamoException(MISSING), "needs a C++ compiler, and none is found that works: install g++ or clang++"),
        (
            TorchDynamoException(BROKEN),
            "which failed (a.cpp:1: fatal error: omp.h: none): mend the C++ compiler",
        ),
        (
            TorchDynamoException(REFUSED),
            "denied: '/cache/ab'): set TORCHINDUCTOR_CACHE_DIR to a folder",
        ),
        (
            OSError(30, "Read-only file system", "/cache"),
            "Read-only file system: '/cache'): set TORCHINDUCTOR_CACHE_DIR",
        ),
    ],
)
def test_each_is_one_sentence_that_says_what_helps(error: Exception, said: str) -> None:
    with pytest.raises(ConfigError) as caught, compiling():
        raise error
    sentence = str(caught.value)
    assert said in sentence
    assert "nas.optimise(detector, compile=False)" in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize("error", [RuntimeError("size mismatch"), ConfigError("batch is 0."), KeyboardInterrupt()])
def test_other_errors_pass(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught, compiling():
        raise error
    assert caught.value is error


def test_a_convolution_says_so_at_its_first_call(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise TorchDynamoException(MISSING)

    monkeypatch.setattr(winograd, "_compiled", lambda function: fail)
    convolution = WinogradConv(torch.randn(128, 128, 3, 3), None)
    with torch.no_grad(), pytest.raises(ConfigError, match=r"needs a C\+\+ compiler"):
        convolution(torch.randn(1, 128, 64, 64))


@pytest.mark.parametrize("variable", ["PATH", "CXX"])
def test_a_machine_without_a_compiler(variable: str, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "CXX"}
    environment |= {"PYTHONPATH": str(ROOT), "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache")}
    environment[variable] = str(tmp_path / "nowhere")
    arguments = ["arch=spinenet-49", "image_size=256", "measure=true", "fast=true", "runs=1", "warmup=0"]
    command = [sys.executable, "-m", "nas.compile", *arguments]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error: the fast copy is compiled at its first call, which needs a C++ compiler")
    assert done.stderr.count("\n") == 1

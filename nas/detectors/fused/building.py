"""The operators' library: compiled once for each kind of machine, kept in a cache, loaded into PyTorch."""

from __future__ import annotations

import getpass
import hashlib
import logging
import os
import platform
import shlex
import shutil
import subprocess
import time
from functools import cache
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout

from nas.disk import replacing
from nas.machine.temporary import default_place
from search_spaces.errors import ConfigError, FileError, first_line

SOURCES = tuple(Path(__file__).with_name(name) for name in ("operators.cpp", "rows.h"))
OPTIONS = ("-O3", "-march=native", "-std=c++20", "-fPIC", "-shared", "-w")
LONGEST = 600  # seconds that the compiler may take, and that a process waits for another one's compiler

log = logging.getLogger(__name__)


@cache
def load_operators() -> Any:
    """``torch.ops.nas_fused``; None, after one line in the log that says why, where it cannot be compiled or loaded."""
    try:
        torch.ops.load_library(_library())
    except (ConfigError, FileError, OSError, KeyError, Timeout, subprocess.SubprocessError) as error:
        log.warning("training uses PyTorch's plain operators, which take longer: %s", _reason(error))
        return None
    return torch.ops.nas_fused


def _reason(error: Exception) -> str:
    """One line; of a compiler's output, the first that names an error."""
    if not isinstance(error, subprocess.CalledProcessError):
        return first_line(error)
    lines = [line.strip() for line in error.stderr.splitlines() if "error" in line]
    said = f": {lines[0]}" if lines else ""
    return f"the C++ compiler {error.cmd[0]} ended with exit code {error.returncode}{said}"


def _library() -> Path:
    """The file of the library; compiled if it is not there, by one process while others wait.

    Raises:
        ConfigError: there is no compiler.
        FileError, OSError, Timeout: the folder cannot be used, or another process compiles for too long.
        SubprocessError: the compiler fails.
    """
    path = _folder() / f"operators-{_fingerprint()}.so"
    if path.exists():
        return path
    with FileLock(f"{path}.lock", timeout=LONGEST):
        if not path.exists():
            _compile(path)
    return path


def _folder() -> Path:
    """Where ``torch.compile`` keeps what it makes.

    Raises:
        FileError: the folder belongs to another user, whose library would be loaded.
    """
    given = os.environ.get("TORCHINDUCTOR_CACHE_DIR")
    folder = Path(given) if given else default_place() / f"torchinductor_{getpass.getuser()}"
    folder.mkdir(parents=True, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise FileError(f"{folder} belongs to another user; set TORCHINDUCTOR_CACHE_DIR to a folder of yours.")
    return folder


def _fingerprint() -> str:
    """What the library depends on: its sources and options, PyTorch, the processor."""
    parts = [*(path.read_bytes() for path in SOURCES), repr((OPTIONS, torch.__version__, _processor())).encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def _processor() -> str:
    """The instructions that the processor knows."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    return next((line for line in lines if line.startswith(("flags", "Features"))), platform.machine())


def _compile(path: Path) -> None:
    home = Path(torch.__file__).parent
    headers = [f"-I{home / folder}" for folder in ("include", "include/torch/csrc/api/include")]
    links = [f"-L{home / 'lib'}", "-ltorch_cpu", "-lc10"]
    log.info("operators for training are compiled, once on this machine")
    started = time.monotonic()
    with replacing(path) as temporary:
        command = [*_compiler(), *OPTIONS, *headers, str(SOURCES[0]), "-o", str(temporary), *links]
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=LONGEST)
    log.info("operators for training are compiled, in %.0f seconds", time.monotonic() - started)


def _compiler() -> list[str]:
    """The command that ``CXX`` gives, or the first compiler that is found."""
    given = shlex.split(os.environ.get("CXX", ""))
    if given and not shutil.which(given[0]):
        raise ConfigError(f"CXX names {given[0]}, which is not there; set it to the path of a C++ compiler.")
    found = [name for name in ("g++", "clang++") if shutil.which(name)]
    if not given and not found:
        raise ConfigError("there is no C++ compiler; install g++ or clang++, or set CXX to its path.")
    return given or found[:1]

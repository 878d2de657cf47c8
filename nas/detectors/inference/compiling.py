"""What stands in the way of compiling, as one sentence: the tools that ``torch.compile`` needs are the machine's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from search_spaces.errors import ConfigError, first_line

WITHOUT = (
    "or leave fast=true away; in Python, nas.optimise(detector, compile=False) makes a fast copy without compiling"
)


@contextmanager
def compiling() -> Iterator[None]:
    """Run what ``torch.compile`` made, and may compile at this call.

    Raises:
        ConfigError: there is no compiler, it does not work, or there is no folder for its files.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, ConfigError) or not _is_of_the_compiler(error):
            raise
        raise ConfigError(f"the fast copy is compiled at its first call, {_reason(error)}, {WITHOUT}.") from None


def _is_of_the_compiler(error: Exception) -> bool:
    """Whether the tools failed, and not the network: torch wraps their errors in kinds of its own, but not all."""
    return isinstance(error, OSError) or type(error).__module__.startswith(("torch._dynamo", "torch._inductor"))


def _reason(error: Exception) -> str:
    """What is missing and what would help."""
    said = _inner_line(error)
    if "No working C++ compiler" in said:
        return (
            "which needs a C++ compiler, and none is found that works: install g++ or clang++, or set CXX to its path"
        )
    if isinstance(error, OSError) or any(kind in said for kind in ("PermissionError", "OSError", "NotFoundError")):
        return (
            f"and a file that this needs cannot be used ({said}): set TORCHINDUCTOR_CACHE_DIR to a folder with free "
            "space that you may write to"
        )
    return f"which failed ({said}): mend the C++ compiler (CXX, its headers)"


def _inner_line(error: Exception) -> str:
    """The line that tells most: of a compiler's output, the first that names an error."""
    lines = str(error).splitlines()
    named = (line.strip() for line in lines if "error: " in line and not line.startswith("CppCompileError"))
    return next(named, first_line(error))

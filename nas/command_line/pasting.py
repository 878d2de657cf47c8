"""Commands that are printed for copying: what is pasted into a shell does what is meant, whatever the names are."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from nas.command_line.paths import assignment


def python_command() -> str:
    """How the user can start this Python again from here: the path of a virtual environment's, or its name."""
    path = Path(sys.executable)
    return os.path.join(".", os.path.relpath(path)) if path.is_relative_to(Path.cwd()) else str(path)


def command_line(module: str, *options: str, **paths: str | Path) -> str:
    """A command of this project as one can paste it into a shell.

    Args:
        module: for example ``"nas.report"``.
        options: further settings as they are typed, for example ``"resume=true"``.
        paths: settings that name files or folders.
    """
    settings = [assignment(key, str(path)) for key, path in paths.items()]
    return " ".join(map(shell_quoted, [python_command(), "-m", module, *settings, *options]))


def shell_quoted(word: str) -> str:
    """A word for a shell. What cannot be shown, or not in the output's encoding, is written in ``$'...'``."""
    if all(map(_is_shown, word)):
        return shlex.quote(word)
    return "$'" + "".join(map(_escaped, word)) + "'"


def _is_shown(character: str) -> bool:
    try:
        character.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return character.isprintable()


def _escaped(character: str) -> str:
    if _is_shown(character):
        return f"\\{character}" if character in "\\'" else character
    try:
        written = os.fsencode(character)
    except UnicodeEncodeError:
        written = character.encode("utf-8", "surrogatepass")
    return "".join(f"\\{byte:03o}" for byte in written)

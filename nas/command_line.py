"""What all commands share: arguments to configuration, ``--help``, and one sentence with exit code 2 for bad input."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

from nas.config import Config, help_text, load_config
from search_spaces.errors import NasError

BAD_INPUT = 2
INTERRUPTED = 130


def python_command() -> str:
    """How the user can start this Python again from here: the path of a virtual environment's, or its name."""
    path = Path(sys.executable)
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def run_command(command: str, description: str, function: Callable[[Config], None]) -> int:
    """Run ``function`` on the configuration of the command line.

    Returns:
        The exit code: 0; 2 after bad input, with one sentence on standard error; 130 after Ctrl-C.
    """
    arguments = sys.argv[1:]
    if any(argument in ("-h", "--help") for argument in arguments):
        about = description.strip().replace("``", "")
        print(f"{about}\n\nusage: python -m nas.{command} [KEY=VALUE ...]\n\n{help_text(command)}")
        return 0
    logging.basicConfig(format="%(message)s")
    logging.getLogger("nas").setLevel(logging.INFO)  # what long preparations say of themselves
    try:
        function(load_config(command, arguments))
    except NasError as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe, head for example, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0

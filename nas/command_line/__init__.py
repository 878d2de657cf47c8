"""What the commands share: arguments to configuration, configuration to objects, run folders, errors as sentences."""

from nas.command_line.config import Config
from nas.command_line.run import run_command

__all__ = ["Config", "run_command"]

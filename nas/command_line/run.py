"""How every command runs: arguments to configuration, ``--help``, ``--cfg``, and one sentence with exit code 2."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

from nas.command_line.config import Config, help_text, load_config, to_yaml
from nas.machine.home import ensure_home
from nas.machine.signals import exit_code, ignore_from_now_on, stop_signals
from nas.words import log_lines, printable_output
from search_spaces.errors import ConfigError, NasError

BAD_INPUT = 2
_CFG = "--cfg prints the configuration that the arguments give, as YAML, and nothing is run."


def run_command(
    command: str,
    description: str,
    function: Callable[[Config], None],
    configure: Callable[[str, Sequence[str]], Config] = load_config,
) -> int:
    """Run ``function`` on the configuration of the command line.

    Args:
        command: what comes after ``python -m nas.``.
        description: what ``--help`` says of it.
        function: does the command's work.
        configure: makes the configuration from command and arguments.

    Returns:
        The exit code: 0; 2 after bad input, with one sentence on standard error; 130 after Ctrl-C, 143 after SIGTERM
        and 129 after SIGHUP.
    """
    ensure_home("spinenet-search")
    with printable_output(), log_lines():
        try:
            with stop_signals():
                code = _run(command, description, function, configure, sys.argv[1:])
        except KeyboardInterrupt:
            ignore_from_now_on()
            code = exit_code()
    _let_go_of_the_terminal()
    return code


def _run(
    command: str,
    description: str,
    function: Callable[[Config], None],
    configure: Callable[[str, Sequence[str]], Config],
    arguments: Sequence[str],
) -> int:
    try:
        if any(argument in ("-h", "--help") for argument in arguments):
            print(_help(command, description), flush=True)
            return 0
        only_print, overrides = _take_cfg(arguments)
        config = configure(command, overrides)
        if only_print:
            print(to_yaml(config), end="")
        else:
            function(config)
        print(end="", flush=True)
    except NasError as error:
        print(f"error: {error}", file=sys.stderr)
        return BAD_INPUT
    except BrokenPipeError:  # the reader of a pipe, head for example, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _let_go_of_the_terminal() -> None:
    """There may be none to write to any more, and Python would end with another exit code for that."""
    for stream, descriptor in ((sys.stdout, 1), (sys.stderr, 2)):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)


def _help(command: str, description: str) -> str:
    about = description.strip().replace("``", "")
    return f"{about}\n\nusage: python -m nas.{command} [KEY=VALUE ...] [--cfg]\n{_CFG}\n\n{help_text(command)}"


def _take_cfg(arguments: Sequence[str]) -> tuple[bool, list[str]]:
    """Whether ``--cfg`` or ``-c`` is among the arguments, with or without ``job`` after it; and the others.

    Raises:
        ConfigError: it asks for something other than ``job``, the command's configuration.
    """
    others: list[str] = []
    found, waiting = False, list(arguments)
    while waiting:
        option, equals, value = waiting[0].partition("=")
        argument = waiting.pop(0)
        if option not in ("-c", "--cfg"):
            others.append(argument)
            continue
        found = True
        if not equals and waiting and "=" not in waiting[0] and not waiting[0].startswith("-"):
            equals, value = "=", waiting.pop(0)
        if equals and value != "job":
            raise ConfigError(f"{option} is {value!r}; allowed: job, the configuration of the command.")
    return found, others

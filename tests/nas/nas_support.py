"""Runs a command as a user does."""

import sys

from nas.command_line import run_command


def run_as_user(monkeypatch, capsys, command, function, *arguments, **options):
    """(exit code, standard output, standard error) of ``python -m nas.COMMAND ARGUMENTS``."""
    monkeypatch.setattr(sys, "argv", ["nas", *arguments])
    code = run_command(command, "", function, **options)
    captured = capsys.readouterr()
    return code, captured.out, captured.err

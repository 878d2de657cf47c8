"""What is printed for copying can be pasted into a shell, whatever the names are."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nas.command_line.config import load_config
from nas.command_line.pasting import command_line, python_command, shell_quoted

NAMES = [
    "plain/run_1",
    "with space",
    "it's",
    'say "x"',
    "caf\u00e9",
    "a,b",
    "a=b",
    "$x",
    "${HOME}",
    "`id`",
    "back\\slash",
    "ends in\\",
    'both \\" and \\',
    "-dash",
    "a\nb",
    "tab\there",
    "\u65e5\u672c \U0001f431",
    "null",
    "2024_01",
    "~",
    "[a]*?",
    "!x;#&|<>",
    "no\u00a0break",
    "\x1b[31m",
    "caf\udce9",
]


def as_bash_reads(command: str) -> list[str]:
    """The words that a pasted line gives."""
    shell = shutil.which("bash")
    if shell is None:
        pytest.skip("there is no bash to paste into")
    done = subprocess.run([shell, "-c", f"printf '%s\\0' {command}"], capture_output=True, check=True)
    return [os.fsdecode(word) for word in done.stdout.split(b"\0")[:-1]]


@pytest.mark.parametrize("name", NAMES)
def test_a_pasted_command_names_the_same_folder(name):
    *start, argument, option = as_bash_reads(command_line("nas.search", "resume=true", run=Path(name)))
    assert (start[1:], option) == (["-m", "nas.search"], "resume=true")
    assert load_config("search", [argument])["run"] == str(Path(name))


@pytest.mark.parametrize("name", NAMES)
def test_it_can_be_pasted_from_a_terminal_without_its_characters(name, monkeypatch):
    class Latin:
        encoding = "ascii"

    monkeypatch.setattr(sys, "stdout", Latin())
    printed = shell_quoted(name)
    assert printed.isascii()
    assert printed.isprintable()
    assert as_bash_reads(printed) == [name]


@pytest.mark.parametrize("name", NAMES[:10])
def test_what_can_be_shown_is_quoted_as_every_shell_reads_it(name):
    done = subprocess.run(["sh", "-c", f"printf %s {shell_quoted(name)}"], capture_output=True, check=True)
    assert os.fsdecode(done.stdout) == name


def test_an_ordinary_command_is_printed_without_quotes(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/usr/bin/python3")
    printed = command_line("nas.compile", "out=DIR", weights="runs/a-1.safetensors")
    assert printed == "/usr/bin/python3 -m nas.compile weights=runs/a-1.safetensors out=DIR"


def test_python_is_named_as_the_user_would(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "executable", str(tmp_path / ".venv" / "bin" / "python"))
    assert python_command() == os.path.join(".", ".venv", "bin", "python")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert python_command() == os.path.join(".", "python"), "python alone would be another one"
    monkeypatch.setattr(sys, "executable", "/usr/bin/python3")
    assert python_command() == "/usr/bin/python3"

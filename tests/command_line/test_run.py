"""How every command runs: help, --cfg, errors as one sentence, exit codes."""

import io
import logging
import os
import signal
import subprocess
import sys

import pytest
import yaml

from nas.command_line import run_command
from nas.command_line.config import load_config
from nas.command_line.part_files import commands
from search_spaces.errors import SpaceError


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs a command whose work is to remember the configuration; (exit code, output, errors, configurations)."""

    def run_with(*arguments, command="space", function=None, **options):
        seen = []
        monkeypatch.setattr(sys, "argv", ["nas", *arguments])
        code = run_command(command, "What it ``does``.", function or seen.append, **options)
        captured = capsys.readouterr()
        return code, captured.out, captured.err, seen

    return run_with


def test_the_function_gets_the_configuration(run):
    assert run("space=toy", "samples=3") == (0, "", "", [load_config("space", ["space=toy", "samples=3"])])


WITH_PARTS = ("audit", "search", "space", "data", "train", "evaluate")
"""Commands with something that may be a file of one's own."""


@pytest.mark.parametrize("command", commands())
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_runs_nothing_and_mentions_cfg(run, command, option):
    code, output, _, seen = run("nonsense", option, command=command)
    assert (code, seen) == (0, [])
    assert output.startswith(f"What it does.\n\nusage: python -m nas.{command} [KEY=VALUE ...] [--cfg]\n--cfg prints")
    assert ("FILE.yaml is a file of your own" in output) == (command in WITH_PARTS)


@pytest.mark.parametrize("command", commands())
def test_cfg_prints_the_configuration_and_runs_nothing(run, command):
    code, output, error, seen = run("--cfg", command=command)
    assert (code, error, seen) == (0, "", [])
    assert yaml.safe_load(output) == load_config(command, [])


@pytest.mark.parametrize(
    "arguments",
    [
        ["space=toy", "samples=3", "--cfg"],
        ["--cfg", "job", "space=toy", "samples=3"],
        ["space=toy", "--cfg", "samples=3"],
        ["space=toy", "--cfg=job", "samples=3"],
        ["-c", "job", "space=toy", "samples=3"],
        ["space=toy", "samples=3", "-c"],
    ],
)
def test_cfg_can_stand_anywhere(run, arguments):
    code, output, _, seen = run(*arguments)
    assert (code, seen) == (0, [])
    assert yaml.safe_load(output) == load_config("space", ["space=toy", "samples=3"])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--cfg", "hydra"], "error: --cfg is 'hydra'; allowed: job, the configuration of the command.\n"),
        (["-c=all"], "error: -c is 'all'; allowed: job, the configuration of the command.\n"),
        (["--cfg", "samples=x"], "error: samples is 'x'; it must be an integer, for example 0.\n"),
        (["--config"], "error: argument '--config' is not understood; give key=value, or --help for the keys.\n"),
        (
            ["space=nowhere.yaml"],
            "error: space file nowhere.yaml: there is no such file; without one there are: spinenet, toy.\n",
        ),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(run, arguments, sentence):
    assert run(*arguments) == (2, "", sentence, [])


def raising(error):
    def function(config):
        raise error

    return function


def test_errors_of_the_function(run):
    assert run(function=raising(SpaceError("space toy: too small."))) == (2, "", "error: space toy: too small.\n", [])
    assert run(function=raising(KeyboardInterrupt()))[0] == 130
    with pytest.raises(ZeroDivisionError):
        run(function=raising(ZeroDivisionError()))


@pytest.mark.usefixtures("heard_signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_a_signal_ends_the_command_with_its_exit_code_and_no_second_one_disturbs(run, number, code):
    def function(config):
        os.kill(os.getpid(), number)
        pytest.fail("the signal did not arrive")

    assert run(function=function) == (code, "", "", [])
    assert signal.getsignal(number) is signal.SIG_IGN


def test_a_command_that_ends_well_leaves_signals_as_they_were(run):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    assert run()[0] == 0
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


def test_a_command_may_make_its_configuration_itself(run):
    def configure(command, arguments):
        return {"command": command, "arguments": list(arguments)}

    assert run("a=1", configure=configure)[3] == [{"command": "space", "arguments": ["a=1"]}]
    assert yaml.safe_load(run("--cfg", "a=1", configure=configure)[1]) == {"command": "space", "arguments": ["a=1"]}


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_nothing_that_is_printed_fails_or_steers_the_terminal(run, monkeypatch, encoding):
    """In the output, in a message, in what is logged and in an error."""
    name = "caf\u00e9 \U0001f431 \udce9 \x1b[31mred"

    def function(config):
        print(name)
        logging.getLogger("nas.datasets").info("log %s", name)
        raise SpaceError(f"space {name}.")

    out, err = (io.TextIOWrapper(io.BytesIO(), encoding, errors="strict") for _ in range(2))
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    monkeypatch.setattr(sys, "argv", ["nas"])
    assert run_command("space", "", function) == 2
    mark = {"utf-8": "\ufffd"}.get(encoding, "?")
    shown = {
        "ascii": "caf? ? ? ?[31mred",
        "latin-1": "caf\u00e9 ? ? ?[31mred",
        "utf-8": f"caf\u00e9 \U0001f431 {mark} {mark}[31mred",
    }[encoding]
    for stream in (out, err):
        stream.flush()
    assert out.buffer.getvalue().decode(encoding) == f"{shown}\n"
    assert err.buffer.getvalue().decode(encoding) == f"log {shown}\nerror: space {shown}.\n"


def test_a_full_disk_under_the_output_is_said_in_a_sentence():
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([sys.executable, "-m", "nas.space", "--cfg"], stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 2
    assert done.stderr == b"error: standard output cannot be written: No space left on device.\n"


def test_messages_that_cannot_be_written_are_lost_and_that_is_all():
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([sys.executable, "-m", "nas.space", "--nonsense"], stderr=full, stdout=subprocess.PIPE)
    assert (done.returncode, done.stdout) == (2, b"")


@pytest.mark.parametrize(("argument", "code"), [("--nonsense", 2), ("--cfg", 0)])
def test_a_reader_of_messages_that_has_gone_ends_nothing(argument, code):
    reader, writer = os.pipe()
    os.close(reader)
    script = (
        "import logging, sys; from nas.command_line import run_command\n"
        "from nas.command_line.config import load_config\n"
        "def configure(command, arguments):\n"
        "    logging.getLogger('nas').warning('a message')\n"
        "    return load_config(command, arguments)\n"
        "sys.exit(run_command('space', '', print, configure))"
    )
    done = subprocess.run([sys.executable, "-c", script, argument], stdout=subprocess.PIPE, stderr=writer)
    os.close(writer)
    assert done.returncode == code
    assert (b"space:" in done.stdout) == (code == 0)


def test_a_command_runs_without_any_output():
    code = "import os, sys; os.close(1); os.close(2); os.execv(sys.executable, [sys.executable, '-m', 'nas.space'])"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0

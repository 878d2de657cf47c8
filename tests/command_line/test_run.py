"""How every command runs: help, --cfg, errors as one sentence, exit codes."""

import os
import signal
import sys

import pytest
import yaml

from nas.command_line import run_command
from nas.command_line.config import load_config
from nas.command_line.part_files import commands
from nas.command_line.run import python_command
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


@pytest.mark.parametrize("command", commands())
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_runs_nothing_and_mentions_cfg(run, command, option):
    code, output, _, seen = run("nonsense", option, command=command)
    assert (code, seen) == (0, [])
    assert output.startswith(f"What it does.\n\nusage: python -m nas.{command} [KEY=VALUE ...] [--cfg]\n--cfg prints")
    assert ("FILE.yaml is a file of your own" in output) == (command in ("search", "space", "data"))


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


def test_python_is_named_as_the_user_would(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "executable", str(tmp_path / ".venv" / "bin" / "python"))
    assert python_command() == os.path.join(".venv", "bin", "python")
    monkeypatch.setattr(sys, "executable", "/usr/bin/python3")
    assert python_command() == "/usr/bin/python3"

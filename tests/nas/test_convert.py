"""``nas.convert``: what it needs before it reads anything (what it reads is tested with :mod:`nas.checkpoints`)."""

import pytest

from nas import convert as command
from tests.nas.nas_support import run_as_user

GIVEN = ["source=tpu", "checkpoint=nowhere", "arch=spinenet-49", "out=weights.safetensors"]


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: run_as_user(monkeypatch, capsys, "convert", command.run, *arguments)


@pytest.mark.parametrize("at", range(len(GIVEN)))
def test_what_is_missing_is_named_with_an_example(run, at):
    key = GIVEN[at].partition("=")[0]
    code, output, error = run(*GIVEN[:at], *GIVEN[at + 1 :])
    assert (code, output) == (2, "")
    assert error.startswith(f"error: {key} is missing; give source=model_garden checkpoint=PATH ")
    assert "one of model_garden, tpu, mmdet" in error


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["out=weights.pt"], "out is 'weights.pt'; the file's name must end in .safetensors"),
        (["source=tf"], "'tf'"),
        (["widht=1"], "unknown key 'widht' (did you mean 'width'?)"),
    ],
)
def test_bad_input(run, arguments, sentence, tmp_path):
    code, _, error = run(*GIVEN, *arguments)
    assert code == 2
    assert sentence in error
    assert not list(tmp_path.iterdir())

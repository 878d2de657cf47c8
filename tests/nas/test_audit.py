"""``nas.audit`` as a user runs it."""

import json

import pytest

from nas import audit as command
from tests.nas.nas_support import run_as_user

SMALL = ("architectures=5", "proxy=synthetic", "reference=synthetic", "published=[spinenet-49]", "run=here")


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "noisy.yaml").write_text("kind: synthetic\nnoise: 0.1\n")
    return lambda *arguments: run_as_user(monkeypatch, capsys, "audit", command.audit, *arguments)


def test_an_audit_goes_on_where_it_stopped(run, tmp_path):
    code, output, _ = run(*SMALL, "workers=1", "only=[reference]")
    assert code == 0
    assert "21 measurements, 10 to make now with 1 at a time" in output
    assert "11 measurements are left; the same command without only= makes them." in output
    code, output, _ = run(*SMALL, "workers=1", "fidelities=[noisy.yaml]")
    assert code == 0
    assert "left" not in output
    table = (tmp_path / "here" / "table.md").read_text()
    assert table.strip() in output
    for name in ("reference", "synthetic", "noisy", "params (cost)"):
        assert f"| {name} |" in table
    summary = json.loads((tmp_path / "here" / "summary.json").read_text())
    assert len(summary["sessions"]) == 2
    assert {"commit", "versions", "device", "bootstrap_seed"} <= set(summary["sessions"][0])
    code, output, _ = run(*SMALL, "fidelities=[noisy.yaml]")
    assert " 0 to make now" in output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["seeds=1"], "seeds is 1; an audit needs at least 2"),
        (["architectures=3"], "architectures is 3; an audit needs at least 4"),
        (["reference=nothing"], "error: reference: unknown proxy 'nothing'"),
        (["fidelities=[nothing]"], "error: fidelities: unknown proxy 'nothing'"),
        (["reference=null"], "error: reference is null; it must be a text"),
        (["fidelities=[synthetic]"], "two proxies of the audit are called 'synthetic'"),
        (["only=[other]"], "only has 'other'; the proxies of this audit are: reference, synthetic"),
        (
            ["proxy=default", "proxy.image_size=72", "published=[r50-fpn]"],
            "proxy default cannot build architecture r50-fpn: ",
        ),
        (["published=[r101-fpn]"], "published has 'r101-fpn'; allowed: "),
        (["workers=0"], "workers is 0"),
        (["workers=-1"], "workers is -1"),
    ],
)
def test_bad_input_is_one_sentence(run, arguments, sentence):
    code, _, errors = run(*SMALL, *arguments)
    assert code == 2
    *notices, error = errors.strip().splitlines()
    assert sentence in error
    assert notices in ([], ["loading PyTorch and reading the data set"]), "which is said where it is slow"

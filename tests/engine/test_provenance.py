"""Where a result came from."""

import json
import subprocess

import torch

from nas.engine import provenance


def test_everything_is_named_and_json_ready():
    found = provenance.collect_provenance()
    assert list(found) == ["commit", "versions", "platform", "device"]
    assert torch.__version__.startswith(found["versions"]["torch"])
    assert set(provenance.LIBRARIES) < set(found["versions"])
    assert json.loads(json.dumps(found)) == found


def test_a_library_that_is_not_there_is_said_not_to_be(monkeypatch):
    monkeypatch.setattr(provenance, "LIBRARIES", ("no-such-library",))
    assert provenance.collect_provenance()["versions"]["no-such-library"] == "not installed"


def clone(folder, monkeypatch):
    """A repository in ``folder`` that holds the module; git's own variables must not point elsewhere."""
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    module = folder / "nas" / "engine" / "provenance.py"
    module.parent.mkdir(parents=True)
    module.write_text("")
    monkeypatch.setattr(provenance, "__file__", str(module))
    return module


def git(folder, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    done = subprocess.run(["git", "-C", str(folder), *identity, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_commit_tells_changed_code_from_what_was_committed(tmp_path, monkeypatch):
    module = clone(tmp_path, monkeypatch)
    assert provenance.code_commit() == "unknown"
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    head = git(tmp_path, "rev-parse", "HEAD")
    (tmp_path / "notes.txt").write_text("not code")
    assert provenance.code_commit() == head
    module.write_text("changed = True")
    assert provenance.code_commit() == f"{head}+changes"


def test_the_machine_is_its_processor_or_its_gpus(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert provenance.machine_name().endswith(f", {torch.get_num_threads()} threads")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda at: "a card")
    assert provenance.machine_name() == "2 x a card"

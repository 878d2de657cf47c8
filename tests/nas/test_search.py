"""``nas.search`` as a user runs it: a run folder with everything in it, resume, and bad input with exit code 2."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from unittest.mock import ANY

import pytest
import torch
import yaml
from PIL import Image

import search_spaces
from nas import report, search
from nas.command_line import run_command
from nas.engine.ledger import ledger
from nas.engine.record import TrialState, read_run
from nas.reporting import write_outputs
from proxies import images
from proxies.detection import DetectionProxy
from search_spaces.errors import ConfigError
from tests.datasets.coco_support import content, write

RESULTS = Path(__file__).parents[2] / "results"
FAST = ["space=toy", "controller=random", "proxy=synthetic", "runner=serial", "samples=6"]


@pytest.fixture
def run_search(monkeypatch, capsys, tmp_path):
    """Runs a search, or a report. Drawing takes seconds: it is left out where a test looks at the record alone."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, command: str = "search", drawn: bool = False) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["nas", *arguments])
        monkeypatch.setattr(search, "write_outputs", write_outputs if drawn else nothing_written)
        code = run_command(command, "", search.search, search.configure) if command == "search" else report_again()
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    def nothing_written(*arguments, ends_now: bool) -> tuple[Path, ...]:
        return ()

    def report_again() -> int:
        return run_command("report", "", report.report)

    return run


@pytest.fixture
def found(run_search, tmp_path, tmp_path_factory):
    """A finished run of ``FAST`` in ``found``; searched once, copied for every test."""
    kept = tmp_path_factory.getbasetemp() / "found-kept"
    if not kept.exists():
        assert run_search(*FAST, f"run={kept}", drawn=True)[0] == 0
    return shutil.copytree(kept, tmp_path / "found")


def test_a_search_leaves_a_complete_run_folder(run_search, tmp_path):
    begun = time.time()
    code, output = run_search(*FAST, "run=found", drawn=True)
    wall = time.time() - begun
    assert code == 0, output
    names = {path.name for path in (tmp_path / "found").iterdir()}
    assert {"config.yaml", "record.db", "best.json", "best.png", "reward.png", "report.html"} <= names
    run = read_run(tmp_path / "found")
    evaluated = [trial for trial in run.trials if trial.state is TrialState.COMPLETE]
    assert len(evaluated) == 6
    best = max(evaluated, key=lambda trial: trial.reward)
    assert search_spaces.load(tmp_path / "found" / "best.json").fingerprint == best.fingerprint
    assert "-m nas.compile arch=found/best.json" in output
    provenance = run.sessions[0].provenance
    assert {"commit", "versions", "device", "seed", "data_fingerprint"} <= set(provenance)
    accounted = ledger(run)
    assert sum(accounted.seconds.values()) == pytest.approx(accounted.wall_seconds)
    composing = provenance["command_started"] - begun
    assert accounted.wall_seconds == pytest.approx(wall - composing, rel=0.05, abs=0.1)


def test_resume_goes_on_and_the_newest_run_is_the_default(run_search, tmp_path):
    assert run_search(*FAST)[0] == 0
    code, output = run_search(*FAST, "samples=9", "resume=true")
    assert code == 0, output
    (folder,) = (tmp_path / "runs").iterdir()
    whole = run_search(*FAST, "samples=9", "run=whole")[0]
    assert whole == 0
    resumed, uninterrupted = read_run(folder), read_run(tmp_path / "whole")
    assert [t.decisions for t in resumed.trials] == [t.decisions for t in uninterrupted.trials]
    assert len(resumed.sessions) == 2


def test_resume_takes_its_settings_from_the_record(run_search, tmp_path):
    """Only the folder is needed; what is typed besides is what differs."""
    run_search(*FAST, "run=found", "proxy.noise=0.1", "seed=5")
    code, output = run_search("run=found", "resume=true", "samples=8")
    assert code == 0, output
    run = read_run(tmp_path / "found")
    assert sum(trial.state is TrialState.COMPLETE for trial in run.trials) == 8
    first, second = (session.config for session in run.sessions)
    assert {**first, "samples": 8, "resume": True} == second


def test_parts_of_one_s_own_are_recorded_in_full(run_search, tmp_path):
    """The record, the configuration, the report and the folder call them by name; resume needs none of the files."""
    files = {
        "space": "kind: scale_permuted\nname: tiny\nintermediates: [3, 4]\noutputs: [3, 4]\nlevel_offsets: [0, 1]\n",
        "controller": "kind: random\n",
        "proxy": "kind: synthetic\nnoise: 0.1\n",
        "runner": "kind: serial\nthreads: 1\n",
        "data": "kind: synthetic\nname: shapes\n",
    }
    for part, text in files.items():
        (tmp_path / f"my_{part}.yaml").write_text(text)
    given = [f"{part}=my_{part}.yaml" for part in files]
    code, output = run_search(*given, "samples=4", "proxy.target_seed=2", "references=[]", drawn=True)
    assert code == 0, output
    assert "searching space tiny" in output
    assert "with controller my_controller and proxy my_proxy for 4 samples" in output
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.startswith("tiny-my_controller-my_proxy-")
    assert yaml.safe_load((folder / "config.yaml").read_text()) == read_run(folder).sessions[0].config
    best = json.loads((folder / "best.json").read_text())["search"]["config"]
    assert {part: best[part] for part in ("space", "controller", "proxy", "data")} == {
        "space": "tiny",
        "controller": "my_controller",
        "proxy": "my_proxy",
        "data": "shapes",
    }
    for part in files:
        (tmp_path / f"my_{part}.yaml").unlink()
    code, output = run_search("resume=true", "samples=6", "proxy.delay=0.0")
    assert code == 0, output
    config = read_run(folder).sessions[1].config
    assert (config["proxy"]["noise"], config["proxy"]["target_seed"], config["samples"]) == (0.1, 2, 6)


def test_a_filtered_search_is_resumed_as_it_was_begun(run_search, tmp_path):
    filtering = ("prefilter=synthetic", "prefilter.target_seed=1", "prefilter.noise=0.1", "keep=0.4", "seed=3")
    code, output = run_search(*FAST, *filtering, "run=found")
    assert code == 0, output
    assert "filtered out" in output
    code, output = run_search("resume=true", "run=found", "samples=9", drawn=True)
    assert code == 0, output
    assert run_search(*FAST, *filtering, "run=whole", "samples=9")[0] == 0
    resumed, whole = read_run(tmp_path / "found"), read_run(tmp_path / "whole")
    assert [(t.decisions, t.state, t.reward, t.error) for t in resumed.trials] == [
        (t.decisions, t.state, t.reward, t.error) for t in whole.trials
    ]
    states = [trial.state for trial in whole.trials]
    assert states.count(TrialState.COMPLETE) == 9
    filtered = [trial for trial in whole.trials if trial.state is TrialState.FILTERED]
    assert filtered
    assert all(trial.error.startswith("prefilter synthetic: 0.") for trial in filtered)
    assert "filtered out" in (tmp_path / "found" / "report.html").read_text()
    code, output = run_search("resume=true", "run=found", "samples=9", "prefilter.noise=0.2")
    assert code == 2
    assert "its prefilter.noise is 0.1, here it is 0.2" in output


def test_a_name_is_a_label_and_no_other_search(run_search, found):
    code, output = run_search("run=found", "resume=true", "space.name=mine", "samples=7")
    assert code == 0, output
    assert read_run(found).sessions[1].config["space"]["name"] == "mine"


def test_cfg_with_resume_shows_what_would_be_gone_on_with(run_search, found):
    before = (found / "record.db").read_bytes()
    code, output = run_search("run=found", "resume=true", "samples=9", "--cfg")
    assert code == 0
    recorded = read_run(found).sessions[0].config
    assert yaml.safe_load(output) == {**recorded, "samples": 9, "run": "found", "resume": True}
    assert (found / "record.db").read_bytes() == before


@pytest.fixture
def old_run(tmp_path):
    """A copy of a run folder that an earlier version left, whose parts have a name and no kind."""
    folder = tmp_path / "bccd"
    folder.mkdir()
    shutil.copy(RESULTS / "bccd" / "record.db", folder)
    assert "kind" not in read_run(folder).sessions[0].config["proxy"]
    return folder


def test_a_run_of_an_earlier_version_asks_for_its_data(run_search, old_run):
    code, output = run_search("run=bccd", "resume=true")
    assert code == 2
    root = old_run.parent / "data" / "bccd"
    assert output.splitlines()[-1] == (
        f"error: data root {root} is not a folder; set data.root to the folder that holds the data set."
    )


def test_a_run_of_an_earlier_version_is_gone_on_with(run_search, old_run, monkeypatch):
    """All but its data is there; the warning says what differs, and another search is still told from it."""
    recorded = read_run(old_run).sessions[0]
    for name in ("prepare", "dropped"):
        monkeypatch.setattr(DetectionProxy, name, lambda self: None)
    monkeypatch.setattr(DetectionProxy, "fingerprint", lambda self: recorded.identity["data"]["fingerprint"])
    assert (
        "holds another search: its data.kind is 'coco', here it is 'synthetic'"
        in run_search("run=bccd", "resume=true", "data=synthetic")[1]
    )
    code, output = run_search("run=bccd", "resume=true", "runner=serial")
    assert code == 0, output
    assert "warning: the search in bccd was begun by an earlier version; its later trials" in output
    assert "all 48 samples were evaluated" in output
    first, last = (session.config for session in read_run(old_run).sessions)
    assert last["space"] == {"kind": "scale_permuted", **first["space"]}
    code, output = run_search("run=bccd", "resume=true", "runner=serial", "controller.clip=0.3")
    assert code == 2
    assert "its controller.clip is 0.2, here it is 0.3" in output


@pytest.fixture
def make_data_set(tmp_path):
    """Makes a data set of drawn pictures with folders of unusual names; equal shades make equal data sets."""

    def make(name: str, shade: int = 200) -> Path:
        root = tmp_path / name
        (root / "pictures").mkdir(parents=True)
        images, annotations = [], []
        for number in range(6):
            Image.new("RGB", (48, 32), (number, shade, 0)).save(root / "pictures" / f"{number}.png")
            images.append({"id": number, "file_name": f"{number}.png", "width": 48, "height": 32})
            annotations.append(
                {"id": number, "image_id": number, "category_id": 1, "bbox": [4, 4, 20, 16], "area": 320, "iscrowd": 0}
            )
        content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": f"shade {shade}"}]}
        (root / "objects.json").write_text(json.dumps(content), encoding="utf-8")
        return root

    return make


TINY = [
    "data.train_images=pictures",
    "data.train_annotations=objects.json",
    *(f"proxy.{key}=2" for key in ("steps", "batch_size", "reserved_images", "eval_batch_size", "warmup_steps")),
    "proxy.image_size=32",
    "references=[]",
    "finalists.count=0",
    "recommend.measure=false",
    "runner=serial",
    "controller=random",
]


@pytest.mark.parametrize("proxy", ["synflow", "loss_50"])
def test_a_score_is_called_by_its_name_from_the_record_to_the_last_line(run_search, make_data_set, tmp_path, proxy):
    """On images of one's own, with the controller that learns from it; resumed like any other search."""
    make_data_set("mine")
    small = ["proxy.image_size=32", "proxy.batch_size=2", "proxy.reserved_images=2", "runner=serial"]
    short = ["proxy.steps=2", "proxy.window=1"] if proxy == "loss_50" else []
    cache = f"data.cache_dir={tmp_path / 'cache'}"
    code, output = run_search(
        "space=toy",
        f"proxy={proxy}",
        "data=coco",
        "data.root=mine",
        cache,
        *TINY[:2],
        *small,
        *short,
        "samples=2",
        "finalists.count=0",
        "run=scored",
        drawn=True,
    )
    assert code == 0, output
    name = {"synflow": "synflow", "loss_50": "negative loss"}[proxy]
    assert f", {name} " in next(line for line in output.splitlines() if line.startswith("best: trial "))
    code, output = run_search("resume=true", "run=scored", "samples=3", drawn=True)
    assert code == 0, output
    trials = read_run(tmp_path / "scored").trials
    assert [(trial.measurement.ap, trial.measurement.score.name) for trial in trials] == [(None, name)] * 3
    assert [trial.reward for trial in trials] == [trial.measurement.score.value for trial in trials]
    best = json.loads((tmp_path / "scored" / "best.json").read_text())["search"]
    assert best["score"] == {"name": name, "value": max(trial.reward for trial in trials)}


def test_resume_after_the_data_set_has_moved(run_search, make_data_set, tmp_path):
    """What moved is all that must be said; every other recorded setting stays, and so does the fingerprint."""
    old = make_data_set("old")
    cache = f"data.cache_dir={tmp_path / 'cache'}"
    code, output = run_search("data=coco", "data.root=old", cache, *TINY, "samples=1", "run=moved", "seed=3")
    assert code == 0, output
    old.rename(tmp_path / "2024_01")
    images._open_once.cache_clear()  # as in a new process
    code, output = run_search("resume=true", "run=moved", "samples=2")
    assert code == 2
    assert f"data root {old} is not a folder; set data.root to the folder that holds the data set" in output
    code, output = run_search("resume=true", "run=moved", "samples=2", "data.root=2024_01", "runner.threads=2")
    assert code == 0, output
    torch.set_num_threads(1)
    first, second = (session.config for session in read_run(tmp_path / "moved").sessions)
    changed = {
        "samples": 2,
        "resume": True,
        "data": {**first["data"], "root": "2024_01"},
        "runner": {**first["runner"], "threads": 2},
    }
    assert {**first, **changed} == second
    code, output = run_search("resume=true", "run=moved", "samples=3", "data.root=2024_01")
    assert read_run(tmp_path / "moved").sessions[2].config["runner"]["threads"] == 2, "what was said last stays"


def test_another_data_set_is_refused_in_words(run_search, make_data_set, tmp_path):
    make_data_set("one")
    make_data_set("other", shade=100)
    cache = f"data.cache_dir={tmp_path / 'cache'}"
    assert run_search("data=coco", "data.root=one", cache, *TINY, "samples=1", "run=moved")[0] == 0
    before = (tmp_path / "moved" / "record.db").read_bytes()
    code, output = run_search("resume=true", "run=moved", "samples=2", "data.root=other")
    assert code == 2
    assert "error: the data set is not the one that the search in moved was begun with" in output
    assert (tmp_path / "moved" / "record.db").read_bytes() == before
    code, output = run_search("resume=true", "run=moved", "data.images=5")
    assert (code, "unknown key 'data.images'" in output) == (2, True)


def test_the_recorded_runner_s_settings_can_be_changed(run_search, found):
    code, output = run_search("run=found", "resume=true", "--cfg", "runner=ray", "runner.workers=1")
    assert yaml.safe_load(output)["runner"]["workers"] == 1
    code, output = run_search("run=found", "resume=true", "runner.workers=1")
    assert (code, "unknown key 'runner.workers'" in output) == (2, True), "the serial runner has none"


@pytest.mark.parametrize(
    "name", ["2024_01", "1e5", "true", "caf\u00e9", "with space", "a=b", "it's", "$x", "caf\udce9"]
)
def test_a_run_folder_has_the_name_that_was_typed_and_what_is_printed_can_be_pasted(run_search, tmp_path, name):
    pastes = name in ("it's", "caf\udce9")  # all kinds of names are pasted in tests/command_line/test_pasting.py
    alone = ("samples=1", "references=[]", "finalists.count=0")
    code, output = run_search(*FAST, *alone, f"run={name}", drawn=pastes)
    assert code == 0, output
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == [name]
    if not pastes:
        return
    pasted = [line.partition(f"{start}: ")[2] for start in ("follow it with", "next") for line in output.splitlines()]
    for command in filter(None, pasted):
        done = subprocess.run(["bash", "-c", command], capture_output=True, cwd=tmp_path)
        assert done.returncode == 0, done.stderr


def test_a_search_of_today_is_resumed_without_a_warning(run_search, found):
    assert "warning" not in run_search("run=found", "resume=true")[1]


def test_report_remakes_what_was_deleted(run_search, found):
    for name in ("best.json", "best.png", "reward.png", "report.html"):
        (found / name).unlink()
    code, output = run_search("run=found", command="report")
    assert code == 0
    assert "report.html" in output
    assert (found / "best.json").exists()


def test_failures_are_recorded_and_told_the_configured_reward(run_search, tmp_path):
    code, output = run_search(*FAST, "run=found", "proxy.fail_rate=1.0", "failed_reward=-1.0", drawn=True)
    assert code == 2
    assert "error: no architecture could be evaluated. The most frequent reason (6 of " in output
    assert "report.html" in output
    trials = read_run(tmp_path / "found").trials
    assert [trial.state for trial in trials] == [TrialState.FAILED] * 6
    assert {trial.reward for trial in trials} == {-1.0}
    assert not (tmp_path / "found" / "best.json").exists()


def test_a_search_with_one_result_ends_well(run_search):
    code, output = run_search(*FAST, "run=found", "proxy.fail_rate=0.7", "samples=12", drawn=True)
    assert code == 0, output


def test_a_search_that_cannot_begin_can_be_given_again(run_search, tmp_path, monkeypatch):
    def refusing(state, make_proxy, make_prefilter):
        raise ConfigError("Ray on this machine cannot be used.")

    monkeypatch.setattr(search, "make_runner", lambda config: refusing)
    for _ in range(2):
        assert run_search(*FAST, "run=found") == (2, ANY)
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert run_search(*FAST, "run=found")[0] == 0
    before = (tmp_path / "found" / "record.db").stat().st_size
    monkeypatch.setattr(search, "make_runner", lambda config: refusing)
    assert run_search("run=found", "resume=true", "samples=9")[0] == 2
    assert (tmp_path / "found" / "record.db").stat().st_size >= before


@pytest.mark.usefixtures("heard_signals")
@pytest.mark.parametrize(("runner", "number", "code"), [("serial", signal.SIGHUP, 129), ("ray", signal.SIGTERM, 143)])
def test_a_signal_ends_a_search_with_the_command_to_go_on(tmp_path, runner, number, code):
    with tempfile.TemporaryDirectory() as short:  # Ray's sockets need a short path
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "nas.search",
                *FAST,
                f"runner={runner}",
                "proxy.delay=0.3",
                "samples=500",
                "run=found",
            ],
            cwd=tmp_path,
            env={**os.environ, "TMPDIR": short, "PYTHONPATH": str(RESULTS.parent)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        wait_for_result(tmp_path / "found", process)
        process.send_signal(number)
        output = process.communicate(timeout=60)[0]
        assert process.returncode == code, output
        assert output.endswith("-m nas.search run=found resume=true\n")
        assert "interrupted; nothing evaluated is lost" in output
        assert os.listdir(short) == []
    assert read_run(tmp_path / "found").sessions[0].ended is not None
    assert not list((tmp_path / "found").glob(".ray-*"))


def wait_for_result(folder, process, timeout=60.0):
    end = time.monotonic() + timeout
    while not (folder / "record.db").exists() or not any(
        trial.state is TrialState.COMPLETE for trial in read_run(folder).trials
    ):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run=found"], "holds the record of a search; give resume=true"),
        (["run=found", "resume=true", "seed=1"], "holds another search: its seed is 0, here it is 1"),
        (["run=found", "resume=true", "space.level_offsets=[0]"], "its space.level_offsets is [0, 1], here it is [0]"),
        (["run=found", "resume=true", "controller=ppo"], "its controller.kind is 'random', here it is 'ppo'"),
        (["run=elsewhere", "resume=true"], "run folder elsewhere holds no record.db"),
        (["run=full"], "is not an empty folder"),
        (["samples=0"], "error: samples is 0; it must be at least 1."),
        (["runner=ray", "runner.retries=-1"], "error: runner.retries is -1; it must be at least 0."),
        (["runner=ray", "runner.workers=0"], "error: runner.workers is 0; it must be at least 1."),
        (["controller=ppo", "controller.clip=0"], "error: controller.clip is 0; it must be above 0."),
        (["proxy=default", "proxy.scaling.width=0"], "error: proxy.scaling.width is 0; it must be above 0 and at most"),
        (["samples=null"], "samples is null; it must be an integer"),
        (["failed_reward=abc"], "error: failed_reward is 'abc'; it must be a finite number or null"),
        (["failed_reward=nan"], "failed_reward is nan; it must be a finite number"),
        (["runner.asha=true"], "error: runner.asha is true, and only Ray Tune stops trials early; give runner=ray"),
        (["runner=ray", "runner.asha_keep=1"], "error: runner.asha_keep is 1; it must be at least 2."),
        (["keep=0.3"], "error: keep is 0.3 and prefilter is null; give prefilter=PROXY beside it."),
        (["prefilter=synthetic"], "error: keep is null; beside a prefilter it must be the share that is trained"),
        (["prefilter=synthetic", "keep=0"], "error: keep is 0; it must be above 0 and at most 1."),
        (["prefilter=synthetic", "keep=1.1"], "error: keep is 1.1; it must be above 0 and at most 1."),
        (["prefilter=synthetik", "keep=0.3"], "error: unknown prefilter 'synthetik' (did you mean 'synthetic'?)"),
        (["prefilter=default", "keep=0.3", "prefilter.steps=0"], "error: prefilter: proxy.steps is 0; it must be at"),
        (
            ["run=found", "resume=true", "prefilter=synthetic", "keep=0.3"],
            "holds another search: its prefilter is None",
        ),
        (["run=[a]"], "run names a file or a folder, and this value has characters"),
        (["runner=ray", "runner.workers=x"], "runner.workers is 'x'; it must be an integer or null"),
        (["runner.threads=0"], "runner.threads is 0; it must be at least 1"),
        (["runner.kind=ray"], "choose with runner=NAME"),
        (["proxy=full/thesis.yaml"], "proxy file full/thesis.yaml: there is no such file"),
        (["space=full/thesis.txt"], "or give a file of your own: space=FILE.yaml"),
        (["proxy=default", "proxy.steps=abc"], "proxy.steps is 'abc'; it must be an integer or null"),
        (["proxy=default", "proxy.detection.nms_iou=7.0"], "nms_iou is 7.0; it must be at least 0 and at most 1"),
        (["space.stem=[2]"], "parents_per_block is 2"),
        (["proxy.noise=-1"], "noise is -1"),
        (["proxy=default", "data=coco", "data.root=nowhere"], "nowhere is not a folder; set data.root"),
        (["proxy=default", "data=coco"], "data.root is not set"),
        (["proxy=default", "proxy.image_size=0"], "image_size"),
        (["controller=ppo", "controller.learning_rate=0.0"], "learning_rate is 0.0"),
    ],
)
def test_bad_input_is_one_sentence_and_changes_nothing(run_search, found, tmp_path, arguments, sentence):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    before = (found / "record.db").read_bytes()
    code, output = run_search(*FAST, *arguments)
    assert code == 2
    assert output.startswith("error: ")
    assert sentence in output
    assert "Traceback" not in output
    assert (found / "record.db").read_bytes() == before
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["thesis.txt"]
    assert not (tmp_path / "runs").exists()


def test_a_corrupt_record_is_refused_and_left_alone(run_search, found):
    record = found / "record.db"
    with sqlite3.connect(record) as connection:
        connection.execute("UPDATE events SET payload = '{}' WHERE number = 3")
    before = record.read_bytes()
    for command, extra in (("search", [*FAST, "resume=true"]), ("report", [])):
        code, output = run_search(*extra, "run=found", command=command)
        assert code == 2
        assert "row 3 of" in output
        assert record.read_bytes() == before


def test_a_torn_last_row_is_dropped_with_a_warning(run_search, found):
    with sqlite3.connect(found / "record.db") as connection:
        connection.execute("UPDATE events SET payload = '{' WHERE number = (SELECT max(number) FROM events)")
    code, output = run_search(*FAST, "run=found", "resume=true")
    assert code == 0
    assert "warning: record found/record.db: its last row" in output
    assert sum(t.state is TrialState.COMPLETE for t in read_run(found).trials) == 6


def test_a_damaged_record_is_repaired_and_the_search_goes_on(run_search, found):
    before = read_run(found)
    path = found / "record.db"
    content = path.read_bytes()
    damaged = content[:-4096]
    path.write_bytes(damaged)
    code, output = run_search("resume=true", "run=found")
    assert code == 2
    assert output.startswith(
        "error: record found/record.db is damaged: give repair=true (with resume=true to nas.search"
    )
    assert run_search("resume=true", "run=found", "repair=true", "--cfg")[0] == 0
    assert path.read_bytes() == damaged
    code, output = run_search("resume=true", "run=found", "repair=true")
    assert code == 0, output
    assert "was damaged and is repaired" in output
    assert (found / "record.db.damaged-1").read_bytes() == damaged
    after = read_run(found)
    assert [trial.decisions for trial in after.trials] == [trial.decisions for trial in before.trials]
    path.write_bytes(path.read_bytes()[:-4096])
    assert run_search("resume=true", "run=found")[0] == 2  # repairing is asked for each time


def test_repair_without_resume_is_refused(run_search):
    assert run_search("repair=true", *FAST) == (
        2,
        "error: repair=true is for a record that is there; give resume=true run=DIR beside it.\n",
    )


def test_a_search_is_compared_with_a_random_one(run_search, tmp_path):
    """The one beside its folder is found; a bad one is refused before anything is searched."""
    assert run_search(*FAST, "samples=12", "run=runs/drawn", "seed=4")[0] == 0
    learning = [*FAST, "samples=14", "controller=ppo", "run=runs/learnt"]
    code, output = run_search(*learning, "against=runs/nothing")
    assert (code, output) == (
        2,
        "error: against is runs/nothing, which holds no record.db; give the run folder of a random search.\n",
    )
    assert not (tmp_path / "runs" / "learnt").exists()
    assert (
        "whose proxy.noise is 0.0, and here it is 0.1"
        in run_search(*learning, "proxy.noise=0.1", "against=runs/drawn")[1]
    )
    code, output = run_search(*learning, drawn=True)
    assert code == 0, output
    (line,) = [line for line in output.splitlines() if line.startswith("Better than random? ")]
    assert "the best quarter of its first 12 samples is" in line
    assert "against the first 12 of the random search drawn" in line
    assert "the random search drawn" in (tmp_path / "runs" / "learnt" / "report.html").read_text()
    shutil.move(tmp_path / "runs" / "drawn", tmp_path / "moved")
    assert run_search("run=runs/learnt", command="report")[0] == 0
    assert "the random search drawn" not in (tmp_path / "runs" / "learnt" / "report.html").read_text()
    assert run_search("run=runs/learnt", "against=moved", command="report")[0] == 0
    assert "the random search moved" in (tmp_path / "runs" / "learnt" / "report.html").read_text()
    (tmp_path / "moved").rename(tmp_path / "gone")
    assert run_search("run=runs/learnt", "resume=true", "samples=15", "against=gone")[0] == 0
    shutil.rmtree(tmp_path / "gone")
    code, output = run_search("run=runs/learnt", "resume=true", "samples=16")
    assert (code, "warning: the random search that this one was to be compared with" in output) == (0, True), output
    code, output = run_search("run=runs/learnt", "against=runs/learnt", command="report")
    assert (code, output.split(";")[0]) == (2, "error: against is runs/learnt, whose controller is 'ppo'")


def test_an_estimate_leaves_nothing_behind(run_search, tmp_path):
    code, output = run_search(*FAST, "estimate=true", "proxy.delay=0.1", "samples=36")
    assert code == 0, output
    assert "workers at a time: 1, so " in output
    assert "36 samples and 17 checks, as much as " in output
    assert not list(tmp_path.iterdir())


def test_the_search_that_is_over_cannot_be_estimated(run_search, found):
    before = (found / "record.db").read_bytes()
    assert run_search("resume=true", "run=found", "estimate=true") == (
        2,
        "error: estimate=true is for a search that has not begun; give it without resume=true.\n",
    )
    assert (found / "record.db").read_bytes() == before


ANSWERING = [*FAST, "samples=4", "finalists.count=2", "finalists.winner_seeds=2", "proxy.noise=0.05"]


def test_the_last_lines_are_the_answer(run_search, tmp_path):
    code, output = run_search(*ANSWERING, "run=found", drawn=True)
    assert code == 0, output
    lines = output.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("winner of 2 finalists: trial "))
    assert lines[at + 1].startswith("spinenet-49: AP 0.")
    assert lines[at + 2].startswith("r50-fpn: AP 0.")
    assert "the winner" in lines[at + 3].lower()
    assert any(line.endswith("-m nas.compile arch=found/best.json") for line in lines[at + 5 :])
    run = read_run(tmp_path / "found")
    assert [done.check.purpose.value for done in run.checks] == ["reference"] * 2 + ["finalist"] * 2 + ["final"] * 6
    assert "Winner, references, finalists" in (tmp_path / "found" / "report.html").read_text()
    best = json.loads((tmp_path / "found" / "best.json").read_text())["search"]
    assert (best["chosen_by"], best["longer_ap"]["count"]) == ("finalists", 2)


def test_finalists_may_be_changed_on_resume_and_the_rest_of_their_group_stays(run_search, tmp_path):
    run_search(*ANSWERING, "run=found", "finalists.longer=3.0")
    code, output = run_search("run=found", "resume=true", "finalists.count=3", "references=[spinenet-49]")
    assert code == 0, output
    run = read_run(tmp_path / "found")
    assert run.sessions[1].config["finalists"] == {"count": 3, "longer": 3.0, "seeds": 1, "winner_seeds": 2}
    added = [done.check for done in run.checks if done.session == 1]
    assert added[0].purpose.value == "finalist"
    assert {check.longer for check in added} == {3.0}
    assert "r50-fpn" not in output


def test_resuming_needs_no_file_of_a_reference(run_search, tmp_path):
    """It is in the record, whether it was measured already or not."""
    shutil.copy(Path(search_spaces.__file__).parent / "published" / "spinenet-49.json", tmp_path / "mine.json")
    alone = ("finalists.count=0", "references=[mine.json]", "run=found")
    assert run_search(*FAST, *alone)[0] == 0
    (tmp_path / "mine.json").unlink()
    code, output = run_search("run=found", "resume=true", "samples=7", "finalists.count=1")
    assert code == 0, output
    assert {done.check.name for done in read_run(tmp_path / "found").checks} >= {"mine.json"}
    code, output = run_search("run=found", "resume=true", "references=[yours.json]")
    assert (code, output.startswith("error: references: ")) == (2, True)


def test_a_limit_that_nothing_could_be_counted_for_is_refused_before_anything_is_evaluated(run_search, tmp_path):
    code, output = run_search(*FAST, "run=found", "recommend.max_multiply_adds=1e9")
    assert (code, (tmp_path / "found").exists()) == (2, False)
    assert output.splitlines()[-1] == (
        "error: recommend.max_multiply_adds is 1e+09; it must be null where the proxy builds no detectors."
    )


def test_the_reward_belongs_to_the_search(run_search, found, tmp_path):
    code, output = run_search("run=found", "resume=true", "reward.cost=params", "reward.target=1e7")
    assert code == 2
    assert "found holds another search: its reward.cost is None, here it is 'params'" in output


def test_a_cost_in_the_reward_and_a_bound(run_search, tmp_path):
    code, output = run_search(
        *FAST, "run=found", "reward.cost=params", "reward.target=1e7", "reward.max_params=11000000", "references=[]"
    )
    assert code == 0, output
    trials = read_run(tmp_path / "found").trials
    refused = [trial for trial in trials if trial.state is TrialState.INFEASIBLE]
    assert refused
    assert all(trial.error.endswith("reward.max_params allows 11,000,000.") for trial in refused)
    complete = [trial for trial in trials if trial.state is TrialState.COMPLETE]
    assert len(complete) == 6
    assert all(trial.reward != trial.measurement.ap for trial in complete)


def test_a_reference_that_cannot_be_built_is_refused_before_anything_is_trained(run_search, tmp_path):
    code, output = run_search("runner=serial", "proxy.image_size=72", "run=found")
    assert (code, (tmp_path / "found").exists()) == (2, False)
    assert "error: references: r50-fpn cannot be built with the settings of the proxy" in output


def test_a_search_of_detectors_recommends_one_of_them(run_search, tmp_path, monkeypatch):
    times = iter(range(100, 1000, 100))
    monkeypatch.setattr("nas.detectors.full_size.full_size_milliseconds", lambda architecture, size: float(next(times)))
    small = [argument for argument in TINY if not argument.startswith(("data", "references", "finalists", "recommend"))]
    data = ["data.images=12", f"data.cache_dir={tmp_path}", "proxy.scaling.width=0.125"]
    ending = ["references=[spinenet-49]", "finalists.count=1", "finalists.winner_seeds=1", "finalists.longer=1.5"]
    code, output = run_search("space=toy", *small, *data, *ending, "samples=2", "run=found", drawn=True)
    assert code == 0, output
    run = read_run(tmp_path / "found")
    assert {done.measurement.budget.steps for done in run.checks} == {2, 3}
    assert "recommended: " in output
    assert "B multiply-adds" in output
    assert (tmp_path / "found" / "recommended.json").exists()
    code, output = run_search("run=found", "resume=true", "recommend.max_multiply_adds=1000", drawn=True)
    assert code == 2
    assert "error: recommend: no architecture has 1 k multiply-adds at most; the nearest is " in output
    assert (tmp_path / "found" / "best.json").exists()


def test_what_was_dropped_from_the_data_is_in_the_run_folder(run_search, tmp_path):
    given = content()
    given["annotations"][0]["category_id"] = 55
    root = write(tmp_path / "set", given).root
    data = ["data=folder", f"data.root={root}", "data.faults=drop", "data.max_dropped=0.2", "data.cache_dir=cache"]
    small = ["proxy=params", "proxy.image_size=32", "samples=1", "references=[]", "finalists.count=0"]
    code, output = run_search("space=toy", "controller=random", "runner=serial", *data, *small, "run=found")
    assert code == 0, output
    assert "unknown category" in (tmp_path / "found" / "dropped.csv").read_text()

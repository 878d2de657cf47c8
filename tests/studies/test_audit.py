"""The plan of an audit, its rows, what is measured again and what is not."""

from dataclasses import replace
from functools import partial

import pytest

import nas
from nas.studies.audit import (
    REFERENCE,
    ROWS,
    AuditSettings,
    Fidelity,
    Job,
    depth,
    measure,
    missing,
    plan,
    run,
)
from nas.studies.rows import append_rows, read_rows
from search_spaces.errors import ConfigError, SearchError
from tests.studies.studies_support import DeadlyProxy, some_candidates, table_fidelity

CANDIDATES = some_candidates(5, ("spinenet-49",))
VALUES = [0.5, 0.1, 0.2, 0.3, 0.4]
SETTINGS = AuditSettings(seeds=2, published_seeds=3, reference_seeds=2, reference_again=2)


def a_plan():
    return list(plan([table_fidelity(name, CANDIDATES, VALUES) for name in (REFERENCE, "short")], CANDIDATES, SETTINGS))


def test_every_measurement_that_is_wanted_and_no_other():
    keys = [job.key for job in a_plan()]
    names = [one.name for one in CANDIDATES]
    assert keys == [
        *((proxy, name, 0) for proxy in (REFERENCE, "short") for name in names),
        *((REFERENCE, name, 1) for name in names[:2]),
        *(("short", name, 1) for name in names),
        ("short", "spinenet-49", 2),
    ]


def test_rows_are_appended_and_not_measured_again(tmp_path):
    jobs, seen = a_plan(), []
    run(jobs[:4], tmp_path, 1, {"commit": "abc"}, seen.append)
    assert [(row["fidelity"], row["architecture"], row["seed"]) for row in seen] == [job.key for job in jobs[:4]]
    left = missing(jobs, tmp_path)
    assert left == jobs[4:]
    run(left, tmp_path, 2, {"commit": "abd"})
    rows = read_rows(tmp_path / ROWS)
    assert [row["commit"] for row in rows if "settings" in row] == ["abc", "abd"]
    assert sorted((row["fidelity"], row["architecture"], row["seed"]) for row in rows if "fidelity" in row) == sorted(
        job.key for job in jobs
    )
    assert missing(jobs, tmp_path) == []
    run([], tmp_path, 1, {})
    assert read_rows(tmp_path / ROWS) == rows


def test_a_row_says_what_was_measured():
    row = measure(a_plan()[0])
    assert row["value"] == 0.5
    assert row["metrics"] == {"ap": 0.5}
    assert row["params"] == len(CANDIDATES[0].architecture.nodes)
    assert row["fingerprint"] == CANDIDATES[0].architecture.fingerprint
    assert row["core_seconds"] >= 0
    assert row["error"] is None


def test_a_failed_measurement_is_a_row(tmp_path):
    job = Job(table_fidelity("short", [], []), CANDIDATES[0], 0)
    run([job], tmp_path, 1, {})
    row = read_rows(tmp_path / ROWS)[-1]
    assert (row["value"], row["error"]) == (None, "the loss was not finite")
    assert missing([job], tmp_path) == []


def test_other_settings_under_the_same_name_are_refused(tmp_path):
    run([Job(table_fidelity("short", CANDIDATES, VALUES, step=0.1), CANDIDATES[0], 0)], tmp_path, 1, {})
    other = Job(table_fidelity("short", CANDIDATES, VALUES, step=0.2), CANDIDATES[0], 0)
    with pytest.raises(ConfigError, match=r"has rows of proxy short with step 0\.1, here it is 0\.2; give the proxy"):
        missing([other], tmp_path)


def test_other_architectures_under_the_same_names_are_refused(tmp_path):
    run([a_plan()[1]], tmp_path, 1, {})
    job = a_plan()[1]
    other = replace(job, candidate=replace(job.candidate, architecture=CANDIDATES[2].architecture))
    with pytest.raises(ConfigError, match=r"has rows of another random-1 .*, as of another space; give the audit"):
        missing([other], tmp_path)


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (3, "a worker of the audit died, perhaps for want of memory; what is measured is kept"),
        (None, r"a measurement of the audit failed \(RuntimeError: the device has failed\); what is measured is kept"),
    ],
)
def test_a_broken_worker_ends_the_audit_in_words(tmp_path, code, sentence):
    good = a_plan()[0]
    run([good], tmp_path, 1, {})
    bad = Job(Fidelity("bad", partial(DeadlyProxy, code), {}), CANDIDATES[0], 0)
    with pytest.raises(SearchError, match=sentence):
        run([bad], tmp_path, 1, {})
    assert missing([good, bad], tmp_path) == [bad]


def test_depth_counts_the_blocks_of_the_longest_way():
    assert depth(nas.load("r50-fpn")) == 16 + 3  # the blocks of ResNet-50, then the pyramid from level 5 to level 3
    assert 3 < depth(nas.load("spinenet-49")) < len(nas.load("spinenet-49").nodes)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"seeds": 1}, "seeds is 1; an audit needs at least 2"),
        ({"published_seeds": 1}, "published_seeds is 1; it must be at least seeds, which is 2"),
        ({"reference_seeds": 0}, "reference_seeds is 0"),
        ({"reference_again": 0}, "reference_again is 0"),
    ],
)
def test_settings_that_cannot_be(changes, sentence):
    with pytest.raises(ConfigError, match=sentence):
        AuditSettings(**changes)


def test_plans_that_cannot_be():
    fidelity = table_fidelity("short", CANDIDATES, VALUES)
    with pytest.raises(ConfigError, match="has 3 architectures; it needs at least 4"):
        list(plan([fidelity], CANDIDATES[:3], SETTINGS))
    with pytest.raises(ConfigError, match="two proxies of the audit are called 'short'"):
        list(plan([fidelity, fidelity], CANDIDATES, SETTINGS))
    with pytest.raises(ConfigError, match="two architectures of the audit are called 'random-1'"):
        list(plan([fidelity], [*CANDIDATES, CANDIDATES[1]], SETTINGS))


def test_a_torn_row_is_measured_again(tmp_path):
    jobs = a_plan()[:2]
    run(jobs, tmp_path, 1, {})
    path = tmp_path / ROWS
    path.write_bytes(path.read_bytes()[:-5])
    assert len(missing(jobs, tmp_path)) == 1
    append_rows(path, [])
    assert path.read_bytes().endswith(b"}\n")

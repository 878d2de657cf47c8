"""What a worker measures of a trial or a check."""

import json
import os
import socket
from dataclasses import dataclass, replace

import pytest

from nas.engine.check import Check, Purpose
from nas.engine.stages import Work, stages
from nas.engine.trial import Trial
from proxies.base import Measurement, Proxy, Score
from tests.engine.engine_support import ARCHITECTURE, DECISIONS, Hashed, Scored, Staged, hashed_ap

AP = hashed_ap(ARCHITECTURE)
WORK = Work(ARCHITECTURE, 7)
FILTER = Scored(((7, 1.5),))


@dataclass(frozen=True)
class Broken(Proxy):
    """Measures what it is given."""

    measurement: Measurement

    def evaluate(self, architecture, seed):
        return self.measurement


def test_work_is_that_of_a_trial_or_a_check_and_survives_json():
    trial = Trial(3, DECISIONS, ARCHITECTURE, 7, threshold=0.5, among=4)
    check = Check(Purpose.FINAL, "r50-fpn", ARCHITECTURE, 8, 2.0)
    assert Work.of(trial) == Work(ARCHITECTURE, 7, 1.0, True, 0.5)
    assert Work.of(check) == Work(ARCHITECTURE, 8, 2.0, False, None)
    for work in map(Work.of, (trial, check)):
        assert Work.from_plain(json.loads(json.dumps(work.to_plain()))) == work


def test_without_filter_and_rungs_there_is_one_measurement():
    (only,) = stages(WORK, Hashed())
    assert (only.ap, only.filter_score) == (AP, None)
    assert only.worker == f"{socket.gethostname()}:{os.getpid()}"
    assert only.seconds.keys() == {"train"}


def test_a_trial_is_measured_at_its_rungs_and_a_check_is_not():
    first, second, last = stages(WORK, Staged(), rungs=(1, 3))
    assert [one.ap for one in (first, second, last)] == [AP / 9, AP * 3 / 9, AP]
    assert last.rungs == {1: AP / 9, 3: AP * 3 / 9}
    (only,) = stages(replace(WORK, is_trial=False), Staged(), rungs=(1, 3))
    assert (only.ap, only.rungs) == (AP, {})


@pytest.mark.parametrize("threshold", [None, 1.0, 1.5])
def test_what_passes_the_filter_is_trained(threshold):
    (only,) = stages(replace(WORK, threshold=threshold), Hashed(), FILTER)
    assert (only.ap, only.filter_score, only.params) == (AP, 1.5, 0)
    assert only.seconds.keys() == {"filter", "train"}


def test_what_does_not_pass_is_not_trained(tmp_path):
    log = tmp_path / "log"
    (only,) = stages(replace(WORK, threshold=1.6), Hashed(log=str(log)), FILTER)
    assert (only.ap, only.error, only.filter_score, only.params) == (None, None, 1.5, 7)
    assert only.seconds.keys() == {"filter"}
    assert only.worker
    assert not log.exists()


def test_a_score_filters_as_an_ap_does():
    measured = Measurement(None, score=Score("negative loss", -3.2))
    for threshold, ap in ((-3.1, None), (-3.3, AP)):
        (only,) = stages(replace(WORK, threshold=threshold), Hashed(), Broken(measured))
        assert (only.value, only.filter_score) == (ap, -3.2)


def test_a_check_is_not_filtered():
    (only,) = stages(replace(WORK, is_trial=False, threshold=1.6), Hashed(), FILTER)
    assert (only.ap, only.filter_score) == (AP, None)


@pytest.mark.parametrize(
    ("measurement", "sentence"),
    [
        (Measurement(None, error="the loss is not finite."), "the prefilter failed: the loss is not finite."),
        (Measurement(None), "the prefilter gave None; a score must be a finite number."),
        (Measurement(float("nan")), "the prefilter gave nan; a score must be a finite number."),
    ],
)
def test_a_filter_that_fails_is_a_failure_of_the_trial(measurement, sentence):
    (only,) = stages(WORK, Hashed(), Broken(measurement))
    assert (only.ap, only.error, only.filter_score) == (None, sentence, None)

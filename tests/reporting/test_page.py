"""report.html: complete, escaped, self-contained, replaced in one step."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from nas.engine.baseline import Baseline
from nas.engine.record import Run
from nas.engine.trial import TrialState
from nas.reporting import page
from nas.reporting.page import render_report, write_report
from proxies.base import Measurement
from search_spaces.errors import FileError
from tests.reporting.fake_runs import (
    CONFIG,
    PROVENANCE,
    complete,
    filtered_out,
    learning_run,
    mixed_run,
    other,
    run_of,
    scored,
    stopped_early,
)

VOID = {"meta", "img", "source", "path", "polygon"}
EVIL = '<script>alert("x")</script>'


class Checker(HTMLParser):
    """Collects the tags and the text, and fails on tags that are not closed in order."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.links, self.words = [], [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.links += [value for name, value in attributes if name in ("src", "href", "srcset", "action")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def parse(html):
    checker = Checker()
    checker.feed(html)
    assert not checker.open
    checker.text = " ".join(" ".join(checker.words).split())
    return checker


@pytest.fixture(scope="module")
def mixed_page():
    return render_report(mixed_run(), "my run")


def test_it_says_what_the_run_holds(mixed_page):
    text = parse(mixed_page).text
    assert "The search is under way: 4 of 24 architectures evaluated, 1 trial running" in text
    assert "space toy \u00b7 controller ppo \u00b7 proxy detection \u00b7 data synthetic \u00b7 seed 7" in text
    for fact in ("best reward 0.300", "Trial 1, reward 0.300", "The best 3", "the loss is not finite at step 12"):
        assert fact in text
    for setting in ("controller.learning_rate 0.00035", "data.root null", "commit 0123abcd", "versions.torch 2.11.0"):
        assert setting in text
    assert "Warm workers spent 44.0% of their wall time" in text
    assert "The best of 3 samples is the largest of that many noisy measurements" in text
    assert "450 steps of 4 images at 128 px; AP on 256 images" in text


def test_what_was_stopped_and_filtered_is_counted():
    trials = complete(0, 0.1), *(stopped_early(number, 0.2) for number in (1, 2)), filtered_out(3, 0.5)
    text = parse(render_report(run_of(*trials), "my run")).text
    assert "complete 1 stopped early 2 filtered out 1" in text
    assert "The best" not in text.split("Rewards")[0]
    assert "2 trials stopped early" in text


def test_it_needs_no_network_and_no_script(mixed_page):
    checked = parse(mixed_page)
    assert "script" not in checked.tags
    assert len(checked.links) == 10, "five pictures, light and dark"
    assert all(link.startswith("data:image/svg+xml;base64,") for link in checked.links)
    assert not re.findall(r"https?://|url\(|@import", mixed_page)


def test_it_is_made_for_phones_and_for_dark_rooms(mixed_page):
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in mixed_page
    assert "@media (prefers-color-scheme: dark)" in mixed_page
    assert mixed_page.count('media="(prefers-color-scheme: dark)"') == 5
    assert mixed_page.count('<svg class="dag"') == 3, "one thumbnail per sample"


def test_everything_from_outside_is_escaped():
    config = {**CONFIG, "space": {"name": EVIL, EVIL: EVIL}, "seed": EVIL}
    provenance = {**PROVENANCE, "commit": EVIL, EVIL: {EVIL: EVIL}}
    trials = (complete(0, 0.1), other(1, TrialState.FAILED, EVIL))
    html = render_report(run_of(*trials, config=config, provenance=provenance, warnings=(EVIL,)), EVIL)
    checked = parse(html)
    assert "<script" not in html
    assert "script" not in checked.tags
    assert checked.text.count(EVIL) >= 9


@pytest.mark.parametrize(
    ("run", "sentence"),
    [
        (Run((), ()), "No trial has been recorded yet."),
        (run_of(), "No trial has been recorded yet."),
        (run_of(other(0, TrialState.RUNNING)), "under way: 0 of 24 architectures evaluated, 1 trial running"),
        (run_of(other(0, TrialState.INFEASIBLE)), "The search is not finished: 0 of 24 architectures evaluated"),
        (run_of(complete(0, 0.5), config={}), "The search is not finished: 1 architecture evaluated"),
        (run_of(complete(0, 0.5), config={"samples": 1}), "The search is finished: 1 of 1 architecture evaluated."),
    ],
    ids=["no session", "no trial", "first running", "infeasible", "no config", "finished"],
)
def test_every_state_of_a_run(run, sentence):
    assert sentence in parse(render_report(run, "run")).text


def test_a_reward_without_training_is_said_to_be_one():
    record = replace(complete(0, 0.5), measurement=Measurement(ap=0.5))
    text = parse(render_report(run_of(record), "run")).text
    assert "does not come from training a detector" in text


def test_a_score_is_called_by_its_name_and_no_ap():
    html = render_report(run_of(scored(0), scored(1)), "run")
    assert '<th class="right">synflow</th>' in html
    assert '<th class="right">AP</th>' not in html
    assert "its AP" not in parse(html).text
    assert "the score synflow of untrained detectors" in parse(html).text


def test_a_failed_write_leaves_the_earlier_page(tmp_path, monkeypatch):
    (tmp_path / "report.html").write_text("earlier")

    def full_disk(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(page, "render_report", full_disk)
    with pytest.raises(FileError, match=r"report\.html cannot be written: No space left on device"):
        write_report(run_of(), tmp_path)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("report.html", "earlier")]


def test_the_controller_has_a_section_where_it_reported_something(mixed_page):
    assert "<h2>Controller</h2>" not in mixed_page
    html = render_report(learning_run(4), "run")
    checked = parse(html)
    assert "<h2>Controller</h2>" in html
    assert "What the controller reported whenever it had learnt something. updates: how often" in checked.text
    assert len(checked.links) == 12, "six pictures, light and dark"


def test_it_says_whether_the_search_beats_random(mixed_page):
    assert "<h2>Better than random?</h2>" in mixed_page
    run = run_of(*(complete(number, 0.2 + 0.001 * number) for number in range(20)))
    random = Baseline(Path("drawn"), run_of(*(complete(number, 0.1 + 0.001 * number) for number in range(20))))
    checked = parse(render_report(run, "run", random))
    assert "Better than random? Better: the best quarter of its first 20 samples is +0.1000" in checked.text
    assert "At equal budget, sample by sample." in checked.text
    assert "Better than random?" not in render_report(run_of(other(0, TrialState.FAILED)), "run")

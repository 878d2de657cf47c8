"""What a record says of the checks of its search."""

from dataclasses import replace

import nas
from nas.engine.record import Run
from nas.engine.recorded import REFERENCES, checks_left, recorded_references, recorded_settings
from tests.reporting.fake_runs import mixed_run
from tests.reporting.made_answers import answered, unfinished


def with_references(run, **references):
    last = replace(run.sessions[-1], provenance={REFERENCES: {k: one.to_dict() for k, one in references.items()}})
    return replace(run, sessions=(*run.sessions[:-1], last))


def test_references_are_those_that_were_read_or_in_older_records_measured():
    spinenet, r50 = nas.load("spinenet-49"), nas.load("r50-fpn")
    assert recorded_references(answered()) == {"spinenet-49": spinenet, "r50-fpn": r50}
    run = with_references(unfinished(answered(), 0), **{"r50-fpn": r50})
    assert recorded_references(run) == {"r50-fpn": r50}
    assert [one.name for one in recorded_settings(run).references] == ["r50-fpn"]


def test_what_is_left_of_the_checks():
    """2 references and 2 finalists, 3 final ones of each reference that is known, and 3 of the winner likewise."""
    run = answered()
    left = [checks_left(unfinished(run, count)) for count in range(len(run.checks) + 1)]
    assert left == [4, 6, 8, 7, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
    read = with_references(unfinished(run, 0), **recorded_references(run))
    assert checks_left(read) == 2 + 2 + 6, "the final ones of references that are known"


def test_checks_of_a_later_session_are_missing_in_the_earlier_one():
    run = answered()
    later = tuple(replace(done, session=1) if at >= 11 else done for at, done in enumerate(run.checks))
    run = replace(run, sessions=run.sessions * 2, checks=later)
    assert (checks_left(run, 0), checks_left(run, 1), checks_left(run)) == (2, 0, 0)


def test_a_run_without_checks_wants_none():
    for run in (Run((), ()), mixed_run()):
        assert (checks_left(run), recorded_settings(run).finalists.count) == (0, 0)

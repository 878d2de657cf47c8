"""The table and the picture of an audit."""

import json

from PIL import Image

from nas.reporting.audit import HEADINGS, audit_table, write_audit
from nas.studies.agreement import compare
from nas.studies.audit import REFERENCE
from nas.studies.candidates import PAPER_AP

TRUTH = {"spinenet-49": 0.5, "r50-fpn": 0.2, "random-0": 0.3, "random-1": 0.4, "random-2": 0.1}


def rows():
    for fidelity, sign in ((REFERENCE, 1), ("short", -1)):
        for seed in (0, 1):
            for place, (name, value) in enumerate(TRUTH.items()):
                yield {
                    **{"fidelity": fidelity, "architecture": name, "seed": seed, "value": sign * value},
                    **{"metrics": {}, "core_seconds": 12.5, "params": 9 - place, "multiply_adds": 3, "depth": 2},
                }


def test_a_row_for_every_reading():
    lines = audit_table(compare(list(rows()), PAPER_AP, draws=50)).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert {len(line) for line in cells} == {len(HEADINGS)}
    assert [line[0] for line in cells[2:]] == [
        *(REFERENCE, "short"),
        *("params (cost)", "multiply_adds (cost)", "depth (cost)"),
    ]
    reference, short = cells[2], cells[3]
    assert reference[2:6] == [""] * 4, "the reference is not compared with itself"
    assert (reference[8], reference[9]) == ("12.5", "yes")
    assert short[2].startswith("-1.00 (")
    assert short[9] == "no: r50-fpn, spinenet-49"


def test_files(tmp_path):
    session = {"settings": {"short": {}}, "commit": "abc"}
    measured = [session, *rows()]
    written = write_audit(measured, compare(measured, PAPER_AP, draws=50), tmp_path)
    assert [path.name for path in written] == ["table.md", "summary.json", "audit.png"]
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["sessions"] == [{"commit": "abc"}]
    assert summary["readings"][1]["kendall"][0] == -1
    with Image.open(tmp_path / "audit.png") as picture:
        assert picture.width > 400


def test_nothing_measured_yet(tmp_path):
    write_audit([], compare([], PAPER_AP), tmp_path)
    assert (tmp_path / "audit.png").stat().st_size > 0

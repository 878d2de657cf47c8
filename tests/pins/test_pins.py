"""Nothing that is pinned may change, and what an earlier version wrote must open."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

import controllers
import nas
import search_spaces
from nas.engine import Search, SearchSettings, Store, read_run, run_serial
from nas.reporting import write_outputs
from proxies.synthetic import SyntheticProxy
from tests.pins import observe

PINNED = json.loads(observe.PINS.read_text(encoding="utf-8"))
RUN = Path(__file__).parents[2] / "results" / "bccd"
TOLERANCE = 1e-6


def test_identities_and_json_of_architectures():
    assert observe.architectures() == PINNED["architectures"]


def test_keys_counts_and_parts_of_published_detectors():
    found = observe.structures()
    assert found.keys() == PINNED["structures"].keys()
    for name, pinned in PINNED["structures"].items():
        assert found[name] == pinned, name


@pytest.mark.parametrize("case", list(observe.cases()), ids=" ".join)
def test_outputs(case: tuple[str, str, str]):
    compare(observe.outputs(*case), PINNED["outputs"][" ".join(case)])


def test_weights_written_earlier_load_and_compute_the_same():
    found = observe.made_files()
    assert found.keys() == PINNED["made files"].keys()
    for name, pinned in PINNED["made files"].items():
        compare(found[name], pinned)


def test_a_bundle_written_earlier_is_still_an_architecture_file():
    assert nas.load(observe.MADE / "bundle" / "architecture.json").fingerprint == "4c320f6a45261178"


def test_decisions_of_seeded_controllers():
    assert observe.decisions() == PINNED["decisions"]


def test_the_schema_of_a_record(tmp_path: Path):
    with Store.create(tmp_path, {"seed": 0}, {"samples": 1}, {"commit": "none"}):
        pass
    with sqlite3.connect(tmp_path / "record.db") as database:
        (table,) = database.execute("SELECT sql FROM sqlite_master WHERE type = 'table'").fetchone()
        (version,) = database.execute("PRAGMA user_version").fetchone()
    assert table == ("CREATE TABLE events (number INTEGER PRIMARY KEY, payload BLOB NOT NULL, checksum TEXT NOT NULL)")
    assert version == 1


def test_a_record_written_earlier_is_replayed_to_its_end(tmp_path: Path):
    shutil.copy(RUN / "record.db", tmp_path)
    recorded = read_run(tmp_path)
    session = recorded.sessions[0]
    settings = {key: value for key, value in session.config["controller"].items() if key not in ("kind", "name")}
    controller = controllers.build("ppo", search_spaces.build("spinenet"), seed=0, **settings)
    with Store.open(tmp_path, session.identity, session.config, session.provenance) as store:
        search = Search(controller, store, SearchSettings(samples=48))
        assert search.stop_reason == "all 48 samples were evaluated."
        assert [trial.reward for trial in search.history.trials] == [trial.reward for trial in recorded.trials]


def test_a_run_folder_written_earlier_is_reported(tmp_path: Path):
    shutil.copy(RUN / "record.db", tmp_path)
    write_outputs(read_run(tmp_path), tmp_path)
    written = json.loads((tmp_path / "best.json").read_text(encoding="utf-8"))
    kept = json.loads((RUN / "best.json").read_text(encoding="utf-8"))
    assert written["blocks"] == kept["blocks"]
    assert written["search"]["reward"] == kept["search"]["reward"]


def test_events_have_the_keys_that_they_had(tmp_path: Path):
    controller = controllers.build("random", search_spaces.build("toy"), seed=0)
    with Store.create(tmp_path, {"seed": 0}, {"samples": 2}, {"commit": "none"}) as store:
        run_serial(Search(controller, store, SearchSettings(samples=2)), lambda: SyntheticProxy(space="toy"))
    assert keys_of_events(tmp_path) == keys_of_events(RUN)


def keys_of_events(folder: Path) -> dict[str, list[str]]:
    with sqlite3.connect(f"file:{folder / 'record.db'}?mode=ro", uri=True) as database:
        rows = [json.loads(payload) for (payload,) in database.execute("SELECT payload FROM events")]
    return {row["kind"]: list(row) for row in rows}


def compare(found: dict[str, Any], pinned: dict[str, Any]) -> None:
    """Figures must agree to ``TOLERANCE`` of their magnitude."""
    assert found.keys() == pinned.keys()
    for name, values in pinned.items():
        scale = max(1.0, *map(abs, values[1:])) if len(values) > 1 else 1.0
        assert found[name] == pytest.approx(values, rel=TOLERANCE, abs=TOLERANCE * scale), name

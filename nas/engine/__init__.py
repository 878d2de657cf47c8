"""Runs a search: the record, the state of the search, the serial runner, and Ray Tune's in ``nas.engine.ray``."""

from nas.engine.loop import MakeProxy, run_serial
from nas.engine.progress import ProgressLine, progress_text
from nas.engine.record import Run, Session, read_run
from nas.engine.repair import repair_record
from nas.engine.search import Search
from nas.engine.settings import SearchSettings
from nas.engine.store import RECORD_NAME, Store
from nas.engine.trial import Trial, TrialRecord, TrialState
from nas.engine.utilisation import busy_share

__all__ = [
    "RECORD_NAME",
    "MakeProxy",
    "ProgressLine",
    "Run",
    "Search",
    "SearchSettings",
    "Session",
    "Store",
    "Trial",
    "TrialRecord",
    "TrialState",
    "busy_share",
    "progress_text",
    "read_run",
    "repair_record",
    "run_serial",
]

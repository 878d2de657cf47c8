"""``python -m nas.audit``: do cheap proxies rank architectures as a longer training does?

The published architectures and random ones of the space are measured by each proxy with several seeds, and by a longer
training, the reference. The rows are kept as they come; given again, the command goes on. The table and the picture
say how far each proxy agrees with the reference, and with itself from seed to seed, beside what costs alone would say.
"""

from __future__ import annotations

import itertools
import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path

from nas.command_line import Config, run_command
from nas.command_line.audit_parts import audit_settings, make_candidates, make_fidelities
from nas.command_line.run_folder import folder_name
from nas.machine.processors import usable_processors
from nas.reporting.audit import audit_table, write_audit
from nas.studies.agreement import compare
from nas.studies.audit import ROWS, missing, plan, run
from nas.studies.candidates import PAPER_AP
from nas.studies.rows import Row, read_rows
from nas.words import duration, number, said_when_slow
from search_spaces.settings import integer

log = logging.getLogger("nas.audit")


def audit(config: Config) -> None:
    """Measure what is missing, then write and print what all rows say."""
    workers = usable_processors() if config["workers"] is None else config["workers"]
    integer("workers", workers, 1)
    folder = Path(config["run"] or Path("audits") / folder_name(config["data"]["name"]))
    settings, candidates = audit_settings(config), make_candidates(config)
    with said_when_slow(log, "loading PyTorch and reading the data set"):
        fidelities = make_fidelities(config, candidates)
    jobs = list(plan(fidelities, candidates, settings))
    wanted = [job for job in missing(jobs, folder) if not config["only"] or job.fidelity.name in config["only"]]
    print(f"{len(jobs):,} measurements, {len(wanted):,} to make now with {workers} at a time; rows in {folder / ROWS}")
    from nas.engine.provenance import collect_provenance  # imports PyTorch

    run(wanted, folder, workers, {**collect_provenance(), "bootstrap_seed": config["seed"]}, _progress(len(wanted)))
    rows = read_rows(folder / ROWS)
    agreements = compare(rows, PAPER_AP, config["seed"])
    written = write_audit(rows, agreements, folder)
    print(f"\n{audit_table(agreements)}\n\nwritten to {folder}: {', '.join(path.name for path in written)}")
    if left := missing(jobs, folder):
        print(f"{len(left):,} measurements are left; the same command without only= makes them.")


def _progress(total: int) -> Callable[[Row], None]:
    """What logs a line for every measurement: what it gave, the rate, the time left."""
    started, numbers = time.monotonic(), itertools.count(1)

    def say(row: Row) -> None:
        done, passed = next(numbers), time.monotonic() - started
        what = (
            f"{row['fidelity']}, {row['architecture']}, seed {row['seed']}: {row['error'] or number(row['value'], 4)}"
        )
        left = duration(passed / done * (total - done))
        log.info("%d/%d  %s | %.1f an hour | %s left", done, total, what, 3600 * done / passed, left)

    return say


if __name__ == "__main__":
    sys.exit(run_command("audit", __doc__, audit))

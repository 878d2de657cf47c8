"""``python -m nas.report run=DIR``: remake best.json, the pictures and report.html, also while the search runs."""

from __future__ import annotations

import sys

from nas.command_line import Config, run_command
from nas.command_line.against import baseline_of
from nas.command_line.run_folder import existing_folder
from nas.engine.record import read_run
from nas.engine.repair import repair_record
from nas.reporting import write_outputs
from nas.words import warn


def report(config: Config) -> None:
    """Write the outputs of a run folder from its record and print their paths."""
    folder = existing_folder(config["run"])
    if config["repair"]:
        warn(*repair_record(folder))
    run = read_run(folder)
    warn(*run.warnings)
    for path in write_outputs(run, folder, baseline_of(run, folder, config["against"])):
        print(path)


if __name__ == "__main__":
    sys.exit(run_command("report", __doc__, report))

"""``python -m nas.search space=spinenet``: search for a detector's backbone.

A controller proposes architectures, workers train each as a small detector, COCO AP comes back as the reward, the
controller learns. The record, the best architecture, pictures and a report are left in the run folder.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from nas.command_line import Config, run_command
from nas.command_line.against import baseline_of
from nas.command_line.config import load_config, to_yaml
from nas.command_line.estimate import print_estimate
from nas.command_line.find_costs import find_costs
from nas.command_line.parts import make_controller, make_space, prefilter_factory, proxy_anywhere
from nas.command_line.run_folder import existing_folder, new_folder
from nas.command_line.runners import Runner, make_runner
from nas.command_line.search_messages import announce, conclude, say_interrupted, warnings_of_age
from nas.command_line.search_parts import check_parts, make_reward, recommend_settings, search_settings
from nas.command_line.search_record import open_store
from nas.datasets.dropped import NAME
from nas.disk import replacing
from nas.engine.loop import MakeProxy
from nas.engine.older import WITHOUT_CHECKS, current_config
from nas.engine.progress import ProgressLine
from nas.engine.record import Run, read_run
from nas.engine.recorded import recorded_references
from nas.engine.repair import read_repaired, repair_record
from nas.engine.search import Search
from nas.engine.store import RECORD_NAME
from nas.reporting import write_outputs
from nas.reporting.recommendation import RecommendSettings
from nas.words import said_when_slow, warn
from search_spaces.errors import ConfigError, NasError

log = logging.getLogger("nas.search")


def configure(command: str, arguments: Sequence[str]) -> Config:
    """The configuration of the arguments; with ``resume=true`` what they leave out is taken from the record."""
    if not any(argument.startswith(("resume=", "repair=")) for argument in arguments):
        return load_config(command, arguments)
    about_the_run = [argument for argument in arguments if argument.startswith(("run=", "resume=", "repair="))]
    run = load_config(command, about_the_run)
    if not run["resume"]:
        if run["repair"]:
            raise ConfigError("repair=true is for a record that is there; give resume=true run=DIR beside it.")
        return load_config(command, arguments)
    recorded = {**_recorded(run).sessions[-1].config, "repair": run["repair"]}
    config = load_config(command, arguments, earlier={**WITHOUT_CHECKS, **current_config(recorded)})
    if config["estimate"]:
        raise ConfigError("estimate=true is for a search that has not begun; give it without resume=true.")
    return config


def search(config: Config) -> None:
    """Run or resume the search that the configuration describes.

    Raises:
        SearchError: it is over, and nothing could be evaluated.
    """
    begun = time.time()
    earlier = _recorded(config) if config["resume"] else Run((), ())
    settings = search_settings(config, recorded_references(earlier))
    reward, recommend = make_reward(config), recommend_settings(config)
    space = make_space(config)
    with said_when_slow(log, "loading PyTorch and what else the search needs"):
        controller = make_controller(config, space)
        run_trials, folder = make_runner(config), _folder(config)
        if config["repair"]:
            warn(*repair_record(folder))
        proxy, make_prefilter = proxy_anywhere(config)(), prefilter_factory(config)
        prefilter = None if make_prefilter is None else make_prefilter()
        check_parts(settings.references, proxy, reward, recommend)
    config = {**config, "proxy": {**config["proxy"], **proxy.resolved()}}
    if prefilter is not None:
        config["prefilter"] = {**config["prefilter"], **prefilter.resolved()}
    with said_when_slow(log, f"reading data set {config['data']['name']}"):
        for one in filter(None, (proxy, prefilter)):
            one.prepare()
    if config["estimate"]:
        return print_estimate(config, space, proxy, prefilter)
    with open_store(config, folder, proxy, begun, settings, earlier) as store:
        announce(config, space, folder)
        warn(*store.warnings, *warnings_of_age(config, store))
        progress = ProgressLine()
        state = Search(controller, store, settings, reward, progress)
        with replacing(folder / "config.yaml") as temporary:
            temporary.write_text(to_yaml(config), encoding="utf-8")
        if (dropped := proxy.dropped()) is not None:
            dropped.write(folder)
        run_trials = partial(run_trials, make_prefilter=prefilter_factory(config))
        reason = _run(state, run_trials, proxy_anywhere(config), progress, recommend)
        run = read_run(folder)
        baseline = baseline_of(run, folder)
        written = write_outputs(run, folder, baseline, ends_now=True)
        state.end()
    conclude(state.history.as_run(), folder, reason, written, baseline)


def _recorded(config: Config) -> Run:
    """The record of the search that is gone on with."""
    read = read_repaired if config["repair"] else read_run
    return read(existing_folder(config["run"]))


def _folder(config: Config) -> Path:
    if config["resume"]:
        return existing_folder(config["run"])
    return new_folder(config["run"], *(config[part]["name"] for part in ("space", "controller", "proxy")))


def _run(
    state: Search, run_trials: Runner, make_proxy: MakeProxy, progress: ProgressLine, recommend: RecommendSettings
) -> str:
    """Run until the search is over, and find out what its architectures cost; the sentence that says why it is over."""
    try:
        run_trials(state, make_proxy)
        progress.close()
        warn(*find_costs(state, recommend))
    except KeyboardInterrupt:
        progress.close()
        with suppress(NasError):
            state.end()
        say_interrupted(state.folder)
        raise
    except NasError:
        progress.close()
        _forget_beginning(state)
        raise
    return state.stop_reason or "it stopped before its end."


def _forget_beginning(state: Search) -> None:
    """A search that could not begin leaves its folder as it found it, so that the command can be given again."""
    if not state.history.trials and not state.history.checks and len(state.history.sessions) == 1:
        for name in (RECORD_NAME, "config.yaml", NAME):
            (state.folder / name).unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(run_command("search", __doc__, search, configure))

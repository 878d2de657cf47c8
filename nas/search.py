"""``python -m nas.search space=spinenet``: search for a detector's backbone.

A controller proposes architectures, workers train each as a small detector, COCO AP comes back as the reward, the
controller learns. The record, the best architecture, pictures and a report are left in the run folder.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from nas.command_line import Config, run_command
from nas.command_line.against import baseline_of, check_against
from nas.command_line.config import load_config, to_yaml
from nas.command_line.estimate import print_estimate
from nas.command_line.find_costs import find_costs
from nas.command_line.parts import make_controller, make_space, prefilter_factory, proxy_anywhere, without_name
from nas.command_line.run_folder import existing_folder, new_folder
from nas.command_line.runners import Runner, make_runner, worker_count
from nas.command_line.search_messages import announce, conclude, say_interrupted, warnings_of_age
from nas.command_line.search_parts import check_references, make_reward, recommend_settings, search_settings
from nas.datasets.dropped import NAME
from nas.disk import replacing
from nas.engine.loop import MakeProxy
from nas.engine.older import WITHOUT_CHECKS, current_config
from nas.engine.progress import ProgressLine
from nas.engine.record import read_run
from nas.engine.repair import read_repaired, repair_record
from nas.engine.search import Search
from nas.engine.store import RECORD_NAME, Store
from nas.reporting import write_outputs
from nas.reporting.recommendation import RecommendSettings
from nas.words import said_when_slow, warn
from proxies.base import Proxy
from search_spaces.errors import ConfigError, NasError

log = logging.getLogger("nas.search")


def configure(command: str, arguments: Sequence[str]) -> Config:
    """The configuration of the arguments; with ``resume=true`` what they leave out is taken from the record."""
    about_the_run = [argument for argument in arguments if argument.startswith(("run=", "resume=", "repair="))]
    run = load_config(command, about_the_run)
    if not run["resume"]:
        if run["repair"]:
            raise ConfigError("repair=true is for a record that is there; give resume=true run=DIR beside it.")
        return load_config(command, arguments)
    read = read_repaired if run["repair"] else read_run
    recorded = {**read(existing_folder(run["run"])).sessions[-1].config, "repair": run["repair"]}
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
    settings, reward, recommend = search_settings(config), make_reward(config), recommend_settings(config)
    space = make_space(config)
    with said_when_slow(log, "loading PyTorch and what else the search needs"):
        controller = make_controller(config, space)
        run_trials, folder = make_runner(config), _folder(config)
        if config["repair"]:
            warn(*repair_record(folder))
        proxy, make_prefilter = proxy_anywhere(config)(), prefilter_factory(config)
        prefilter = None if make_prefilter is None else make_prefilter()
        check_references(settings.references, proxy)
    config = {**config, "proxy": {**config["proxy"], **proxy.resolved()}}
    if prefilter is not None:
        config["prefilter"] = {**config["prefilter"], **prefilter.resolved()}
    with said_when_slow(log, f"reading data set {config['data']['name']}"):
        for one in filter(None, (proxy, prefilter)):
            one.prepare()
    if config["estimate"]:
        return print_estimate(config, space, proxy)
    with _open_store(config, folder, proxy, begun) as store:
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
    baseline = baseline_of(run, folder, config["against"])
    written = write_outputs(run, folder, baseline)
    conclude(run, folder, reason, written, baseline)


def _folder(config: Config) -> Path:
    if config["resume"]:
        return existing_folder(config["run"])
    return new_folder(config["run"], *(config[part]["name"] for part in ("space", "controller", "proxy")))


def _open_store(config: Config, folder: Path, proxy: Proxy, begun: float) -> Store:
    """The record, created or opened; the command was given at ``begun``, in Unix seconds."""
    from nas.engine.provenance import collect_provenance  # imports PyTorch

    data = proxy.fingerprint()
    identity = {
        **{part: without_name(config[part]) for part in ("space", "controller", "proxy")},
        **{key: config[key] for key in ("seed", "failed_reward", "reward")},
        "prefilter": config["prefilter"] and {**without_name(config["prefilter"]), "keep": config["keep"]},
        "data": {"kind": config["data"]["kind"], "fingerprint": data},
    }
    check_against(config["against"], identity)
    begin = Store.open if config["resume"] else Store.create
    this_session = {"command_started": begun, "workers": worker_count(config)}
    provenance = {**collect_provenance(), "data_fingerprint": data, "seed": config["seed"], **this_session}
    return begin(folder, identity, config, provenance)


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

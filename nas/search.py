"""``python -m nas.search space=spinenet``: search for a detector's backbone.

A controller proposes architectures, workers train each as a small detector, COCO AP comes back as the reward, the
controller learns. The record, the best architecture, pictures and a report are left in the run folder.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

import controllers
import search_spaces
from nas.command_line import python_command, run_command
from nas.config import Config, load_config, proxy_factory, to_yaml
from nas.disk import replacing
from nas.engine.loop import MakeProxy, run_serial
from nas.engine.progress import ProgressLine
from nas.engine.provenance import collect_provenance
from nas.engine.record import Run, read_run
from nas.engine.search import Search, SearchSettings
from nas.engine.store import Store
from nas.reporting import summarise, write_outputs
from nas.run_folder import existing_folder, new_folder
from nas.words import duration
from proxies.base import Proxy
from search_spaces.base import SearchSpace
from search_spaces.errors import ConfigError
from search_spaces.settings import build_settings

Runner = Callable[[Search, MakeProxy], None]


def search(config: Config) -> None:
    """Run or resume the search that the configuration describes."""
    if config["resume"]:
        recorded = read_run(existing_folder(config["run"])).sessions[-1].config
        config = load_config("search", sys.argv[1:], earlier=recorded)
    settings = _search_settings(config)
    space = search_spaces.build(**config["space"])
    controller = controllers.build(space=space, seed=config["seed"], **config["controller"])
    run_trials, folder = _runner(config), _folder(config)
    proxy = proxy_factory(config)()
    config = {**config, "proxy": {**config["proxy"], **proxy.resolved()}}
    proxy.prepare()
    with _open_store(config, folder, proxy) as store:
        _announce(config, space, folder)
        for warning in store.warnings:
            print(f"warning: {warning}", file=sys.stderr)
        progress = ProgressLine()
        state = Search(controller, store, settings, on_change=progress)
        with replacing(folder / "config.yaml") as temporary:
            temporary.write_text(to_yaml(config), encoding="utf-8")
        reason = _run(state, run_trials, proxy_factory(config), progress)
    run = read_run(folder)
    written = write_outputs(run, folder)
    _conclude(run, folder, reason, written)


def _search_settings(config: Config) -> SearchSettings:
    values = {key: config[key] for key in ("samples", "seed", "failed_reward", "max_duplicates")}
    return build_settings(SearchSettings, {**values, "retries": config["runner"].get("retries", 0)}, "search")


def _folder(config: Config) -> Path:
    if config["resume"]:
        return existing_folder(config["run"])
    return new_folder(config["run"], f"{config['space']['name']}-{config['controller']['name']}")


def _open_store(config: Config, folder: Path, proxy: Proxy) -> Store:
    """The record, created or opened."""
    data = proxy.fingerprint()
    identity = {
        **{key: config[key] for key in ("space", "controller", "proxy", "seed", "failed_reward")},
        "data": {"name": config["data"]["name"], "fingerprint": data},
    }
    provenance = {**collect_provenance(), "data_fingerprint": data, "seed": config["seed"]}
    begin = Store.open if config["resume"] else Store.create
    return begin(folder, identity, config, provenance)


def _runner(config: Config) -> Runner:
    """What runs a search's trials, with its settings checked."""
    settings = {key: value for key, value in config["runner"].items() if key not in ("name", "retries")}
    if config["runner"]["name"] == "serial":
        if settings["threads"] < 1:
            raise ConfigError(f"runner.threads is {settings['threads']}; it must be at least 1.")
        torch.set_num_threads(settings["threads"])
        return run_serial
    from nas.engine.ray import RaySettings, run_ray  # Ray takes seconds to import

    return partial(run_ray, settings=build_settings(RaySettings, settings, "runner"))


def _run(state: Search, run_trials: Runner, make_proxy: MakeProxy, progress: ProgressLine) -> str:
    """Run until the search is over; the sentence that says why it is."""
    try:
        run_trials(state, make_proxy)
    except KeyboardInterrupt:
        progress.close()
        print(f"interrupted; nothing evaluated is lost. To go on:\n  {_command_again(state.folder)}", file=sys.stderr)
        raise
    progress.close()
    return state.stop_reason or "it stopped before its end."


def _announce(config: Config, space: SearchSpace, folder: Path) -> None:
    print(
        f"searching space {space.name} ({space.size():.3g} decision sequences; by the paper's formula "
        f"{space.paper_size():.3g}) with controller {config['controller']['name']} for {config['samples']} samples\n"
        f"run folder {folder}; follow it with: {python_command()} -m nas.report run={shlex.quote(str(folder))}",
        flush=True,
    )


def _conclude(run: Run, folder: Path, reason: str, written: tuple[Path, ...]) -> None:
    summary = summarise(run)
    print(f"\nthe search is over: {reason}")
    print(f"time {duration(summary.wall_seconds)}; written to {folder}: {', '.join(path.name for path in written)}")
    if summary.best is None:
        print("no architecture could be evaluated; report.html lists the reasons.")
        return
    print(f"best: trial {summary.best.trial.number}, AP {summary.best.reward:.4f} ({summary.best.trial.fingerprint})")
    print(f"next: {python_command()} -m nas.compile arch={shlex.quote(str(folder / 'best.json'))}")


def _command_again(folder: Path) -> str:
    """How to go on with this search: its settings are in the record."""
    return shlex.join([python_command(), "-m", "nas.search", f"run={folder}", "resume=true"])


if __name__ == "__main__":
    sys.exit(run_command("search", __doc__, search))

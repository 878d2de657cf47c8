"""``python -m nas.search space=spinenet``: search for a detector's backbone.

A controller proposes architectures, workers train each as a small detector, COCO AP comes back as the reward, the
controller learns. The record, the best architecture, pictures and a report are left in the run folder.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from nas.command_line import Config, run_command
from nas.command_line.config import load_config, to_yaml
from nas.command_line.parts import make_controller, make_space, proxy_factory, without_name
from nas.command_line.pasting import command_line
from nas.command_line.run_folder import existing_folder, new_folder
from nas.command_line.runners import Runner, make_runner
from nas.disk import replacing
from nas.engine.loop import MakeProxy
from nas.engine.older import current_config, is_older
from nas.engine.progress import ProgressLine
from nas.engine.record import Run, read_run
from nas.engine.search import Search
from nas.engine.settings import SearchSettings
from nas.engine.store import Store
from nas.reporting import summarise, write_outputs
from nas.words import duration, said_when_slow
from proxies.base import Proxy
from search_spaces.base import SearchSpace
from search_spaces.settings import build_settings

log = logging.getLogger("nas.search")


def configure(command: str, arguments: Sequence[str]) -> Config:
    """The configuration of the arguments; with ``resume=true`` what they leave out is taken from the record."""
    run = load_config(command, [argument for argument in arguments if argument.startswith(("run=", "resume="))])
    if not run["resume"]:
        return load_config(command, arguments)
    recorded = read_run(existing_folder(run["run"])).sessions[-1].config
    return load_config(command, arguments, earlier=current_config(recorded))


def search(config: Config) -> None:
    """Run or resume the search that the configuration describes."""
    settings = _search_settings(config)
    space = make_space(config)
    with said_when_slow(log, "loading PyTorch and what else the search needs"):
        controller = make_controller(config, space)
        run_trials, folder = make_runner(config), _folder(config)
        proxy = proxy_factory(config)()
    config = {**config, "proxy": {**config["proxy"], **proxy.resolved()}}
    with said_when_slow(log, f"reading data set {config['data']['name']}"):
        proxy.prepare()
    with _open_store(config, folder, proxy) as store:
        _announce(config, space, folder)
        for warning in (*store.warnings, *_warnings_of_age(config, folder)):
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
    return new_folder(config["run"], *(config[part]["name"] for part in ("space", "controller", "proxy")))


def _open_store(config: Config, folder: Path, proxy: Proxy) -> Store:
    """The record, created or opened."""
    from nas.engine.provenance import collect_provenance  # imports PyTorch

    data = proxy.fingerprint()
    identity = {
        **{part: without_name(config[part]) for part in ("space", "controller", "proxy")},
        **{key: config[key] for key in ("seed", "failed_reward")},
        "data": {"kind": config["data"]["kind"], "fingerprint": data},
    }
    provenance = {**collect_provenance(), "data_fingerprint": data, "seed": config["seed"]}
    begin = Store.open if config["resume"] else Store.create
    return begin(folder, identity, config, provenance)


def _warnings_of_age(config: Config, folder: Path) -> list[str]:
    """What differs between the trials of an older version and today's."""
    if config["proxy"]["kind"] != "detection" or not any(is_older(one.config) for one in read_run(folder).sessions):
        return []
    return [
        f"the search in {folder} was begun by an earlier version; its later trials are trained on another order of "
        "images than its earlier ones."
    ]


def _run(state: Search, run_trials: Runner, make_proxy: MakeProxy, progress: ProgressLine) -> str:
    """Run until the search is over; the sentence that says why it is."""
    try:
        run_trials(state, make_proxy)
    except KeyboardInterrupt:
        progress.close()
        again = command_line("nas.search", "resume=true", run=state.folder)
        print(f"interrupted; nothing evaluated is lost. To go on:\n  {again}", file=sys.stderr)
        raise
    progress.close()
    return state.stop_reason or "it stopped before its end."


def _announce(config: Config, space: SearchSpace, folder: Path) -> None:
    paper_size = space.paper_size()
    by_the_paper = "" if paper_size is None else f"; by the paper's formula {paper_size:.3g}"
    print(
        f"searching space {space.name} ({space.size():.3g} decision sequences{by_the_paper}) with controller "
        f"{config['controller']['name']} and proxy {config['proxy']['name']} for {config['samples']} samples\n"
        f"run folder {folder}; follow it with: {command_line('nas.report', run=folder)}",
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
    print(f"next: {command_line('nas.compile', arch=folder / 'best.json')}")


if __name__ == "__main__":
    sys.exit(run_command("search", __doc__, search, configure))

"""``python -m nas.search space=spinenet``: search for a detector's backbone.

A controller proposes architectures, workers train each as a small detector, COCO AP comes back as the reward, the
controller learns. The record, the best architecture, pictures and a report are left in the run folder.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import torch

import controllers
import search_spaces
from controllers.base import Controller
from nas.command_line import run_command
from nas.config import Config, proxy_factory, to_yaml
from nas.engine.loop import MakeProxy, run_serial
from nas.engine.progress import ProgressLine, duration
from nas.engine.provenance import collect_provenance
from nas.engine.record import Run, read_run
from nas.engine.search import Search, SearchSettings
from nas.engine.store import Store
from nas.reporting import summarise, write_outputs
from nas.reporting.files import replacing
from nas.run_folder import existing_folder, new_folder
from proxies.base import Proxy
from search_spaces.base import SearchSpace


def search(config: Config) -> None:
    """Run or resume the search that the configuration describes."""
    settings = _search_settings(config)
    space = search_spaces.build(**config["space"])
    controller = controllers.build(space=space, seed=config["seed"], **config["controller"])
    make_proxy = proxy_factory(config)
    folder = _folder(config)
    proxy = make_proxy()
    proxy.prepare()
    with _open_store(config, folder, proxy) as store:
        _announce(config, space, folder)
        for warning in store.warnings:
            print(f"warning: {warning}", file=sys.stderr)
        reason = _run(config, store, controller, settings, make_proxy)
    run = read_run(folder)
    written = write_outputs(run, folder)
    _conclude(run, folder, reason, written)


def _search_settings(config: Config) -> SearchSettings:
    return SearchSettings(
        samples=config["samples"],
        seed=config["seed"],
        retries=config["runner"].get("retries", 0),
        failed_reward=config["failed_reward"],
        max_duplicates=config["max_duplicates"],
    )


def _folder(config: Config) -> Path:
    if config["resume"]:
        return existing_folder(config["run"])
    return new_folder(config["run"], f"{config['space']['name']}-{config['controller']['name']}")


def _open_store(config: Config, folder: Path, proxy: Proxy) -> Store:
    """The record, created or opened, with ``config.yaml`` beside it."""
    data = proxy.fingerprint()
    identity = {
        **{key: config[key] for key in ("space", "controller", "proxy", "seed", "failed_reward")},
        "data": {"name": config["data"]["name"], "fingerprint": data},
    }
    provenance = {**collect_provenance(), "data_fingerprint": data, "seed": config["seed"]}
    begin = Store.open if config["resume"] else Store.create
    store = begin(folder, identity, config, provenance)
    with replacing(folder / "config.yaml") as temporary:
        temporary.write_text(to_yaml(config), encoding="utf-8")
    return store


def _run(config: Config, store: Store, controller: Controller, settings: SearchSettings, make_proxy: MakeProxy) -> str:
    """Run until the search is over; the sentence that says why it is."""
    progress = ProgressLine()
    try:
        state = Search(controller, store, settings, on_change=progress)
        if config["runner"]["name"] == "serial":
            torch.set_num_threads(config["runner"]["threads"])
            run_serial(state, make_proxy)
        else:
            _run_in_ray(config["runner"], state, make_proxy)
    except KeyboardInterrupt:
        progress.close()
        print(f"interrupted; nothing evaluated is lost. To go on:\n  {_command_again(store.folder)}", file=sys.stderr)
        raise
    progress.close()
    return state.stop_reason or "it stopped before its end."


def _run_in_ray(runner: dict[str, Any], state: Search, make_proxy: MakeProxy) -> None:
    from nas.engine.ray_runner import RaySettings, run_ray  # Ray takes seconds to import

    settings = {key: value for key, value in runner.items() if key not in ("name", "retries")}
    run_ray(state, make_proxy, RaySettings(**settings))


def _announce(config: Config, space: SearchSpace, folder: Path) -> None:
    print(
        f"searching space {space.name} ({space.size():.3g} decision sequences; by the paper's formula "
        f"{space.paper_size():.3g}) with controller {config['controller']['name']} for {config['samples']} samples\n"
        f"run folder {folder}; follow it with: python -m nas.report run={shlex.quote(str(folder))}",
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
    print(f"next: python -m nas.compile arch={shlex.quote(str(folder / 'best.json'))}")


def _command_again(folder: Path) -> str:
    """The command line of this search with ``resume=true`` and its run folder."""
    kept = [word for word in sys.argv[1:] if not word.startswith(("run=", "resume="))]
    return shlex.join(["python", "-m", "nas.search", *kept, f"run={folder}", "resume=true"])


if __name__ == "__main__":
    sys.exit(run_command("search", __doc__, search))

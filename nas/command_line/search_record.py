"""The record of a search, as its command creates or opens it: what makes it this search, and where it is run."""

from __future__ import annotations

from pathlib import Path

from nas.command_line.against import check_against
from nas.command_line.config import Config
from nas.command_line.parts import without_name
from nas.command_line.runners import worker_count
from nas.engine.record import Run
from nas.engine.recorded import REFERENCES
from nas.engine.settings import SearchSettings
from nas.engine.store import Store
from nas.words import warn
from proxies.base import Proxy


def open_store(
    config: Config, folder: Path, proxy: Proxy, begun: float, settings: SearchSettings, earlier: Run
) -> Store:
    """The record in ``folder``, created or, with ``resume``, opened.

    Args:
        config: of the search; it is recorded as it is.
        folder: the run folder.
        proxy: knows the data set.
        begun: when the command was given, in Unix seconds.
        settings: of the search; its references are recorded, so that resuming needs none of their files.
        earlier: what the record holds already.

    Raises:
        RecordError: the record cannot be used, it is that of another search, or ``against`` names no search that this
            one can be compared with.
        ConfigError: the resources do not suffice for one trial.
    """
    from nas.engine.provenance import collect_provenance  # imports PyTorch

    data = proxy.fingerprint()
    identity = {
        **{part: without_name(config[part]) for part in ("space", "controller", "proxy")},
        **{key: config[key] for key in ("seed", "failed_reward", "reward")},
        "prefilter": config["prefilter"] and {**without_name(config["prefilter"]), "keep": config["keep"]},
        "data": {"kind": config["data"]["kind"], "fingerprint": data},
    }
    recorded = earlier.sessions[-1].config.get("against") if earlier.sessions else None
    warn(*check_against(config["against"], identity, recorded))
    begin = Store.open if config["resume"] else Store.create
    references = {one.name: one.architecture.to_dict() for one in settings.references}
    this_session = {"command_started": begun, "workers": worker_count(config), REFERENCES: references}
    provenance = {**collect_provenance(), "data_fingerprint": data, "seed": config["seed"], **this_session}
    return begin(folder, identity, config, provenance)

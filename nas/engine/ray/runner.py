"""Runs a search with Ray Tune.

Tune decides where and when a trial runs and keeps nothing: its checkpoints, loggers and retries are off, and its files
are temporary, since the record holds all that must be kept.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from ray import tune
from ray.tune.experiment import Trial as TuneTrial
from ray.tune.schedulers import ASHAScheduler

from nas.engine.database import sentences
from nas.engine.loop import MakeProxy, describe
from nas.engine.ray.asha import scheduler
from nas.engine.ray.output import LOG_NAME, raw_lines_to
from nas.engine.ray.searcher import Failures, SearchOfTune, StopOnError
from nas.engine.ray.session import LONGEST_PLACE, RaySettings, ray_session, trial_resources
from nas.engine.ray.worker import Evaluation, evaluator
from nas.engine.search import Search
from nas.engine.store import RECORD_NAME
from nas.machine.signals import undisturbed
from nas.machine.temporary import temporary_folder
from nas.words import plural, warn
from search_spaces.errors import SearchError

log = logging.getLogger(__name__)

STORAGE_PREFIX = ".ray-"


def run_ray(
    search: Search, make_proxy: MakeProxy, settings: RaySettings, make_prefilter: MakeProxy | None = None
) -> None:
    """Evaluate trials in Ray workers until the search has none left; :attr:`Search.stop_reason` then says why.

    A Ray session that is there already is used and left running. Otherwise one is started, and it is shut down whatever
    happens. What Ray writes past Python goes into ``ray.log`` in the run folder.

    Args:
        search: hands out the trials and takes in the results.
        make_proxy: called once in every worker.
        settings: resources, address, and when trials are stopped early.
        make_prefilter: builds what scores an architecture before it is trained, likewise; None for no filter.

    Raises:
        ConfigError: the resources do not suffice for one trial, the cluster does not answer, or the proxy cannot be
            built in a worker.
        SearchError: Ray Tune has stopped, because the disk of its files is full for example.
        FileError: there is no temporary folder that Ray can use.
        RecordError: the record cannot be written.
    """
    if search.stop_reason is not None:
        return
    rungs, asha = _fidelities(search, make_proxy, settings)
    log.info("starting Ray on this machine" if settings.address is None else f"connecting to Ray at {settings.address}")
    with (
        raw_lines_to(search.folder / LOG_NAME),
        ray_session(settings),
        _storage(search.folder) as storage,
    ):
        resources, workers = trial_resources(settings)
        os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(workers)
        log.info("starting %s; the first result comes when a first architecture is trained", plural(workers, "worker"))
        searcher = SearchOfTune(search)
        evaluation = partial(Evaluation, make_proxy, settings.cpus_per_trial, make_prefilter, rungs, search.reward)
        with _sentence(searcher, storage):
            tune.run(
                evaluator(evaluation),
                name="search",
                storage_path=str(storage),
                search_alg=searcher,
                scheduler=asha,
                num_samples=-1,
                max_concurrent_trials=workers,
                resources_per_trial=resources,
                reuse_actors=True,
                stop=StopOnError(searcher),
                callbacks=[Failures(searcher)],
                trial_name_creator=_trial_name,
                trial_dirname_creator=_trial_name,
                raise_on_failed_trial=False,
                verbose=0,
            )
    if searcher.error is not None:
        raise searcher.error


def _fidelities(
    search: Search, make_proxy: MakeProxy, settings: RaySettings
) -> tuple[tuple[int, ...], ASHAScheduler | None]:
    """The steps at which trials are measured on their way, and what stops them there; None where nothing does."""
    if not settings.asha:
        return (), None
    steps = make_proxy().training_steps()
    rungs = settings.rungs(steps)
    if not rungs:
        warn(f"runner.asha=true stops nothing: no rung lies before the end of {plural(steps, 'optimiser step')}.")
        return (), None
    return rungs, scheduler(rungs, steps, settings.asha_keep, search.history.trials, search.reward)


@contextmanager
def _sentence(searcher: SearchOfTune, storage: Path) -> Iterator[None]:
    """Tune writes small files of its own, and passes on what happens then; the search's own error goes first."""
    try:
        yield
    except Exception as error:  # of many types
        if searcher.error is not None:
            raise searcher.error from None
        place = f" (Tune's files are in {storage.parent}, Ray's in TMPDIR)" if isinstance(error, OSError) else ""
        raise SearchError(f"Ray Tune has stopped: {describe(error)}{place}; nothing evaluated is lost.") from None


def _trial_name(trial: TuneTrial) -> str:
    return str(trial.trial_id)


@contextmanager
def _storage(folder: Path) -> Iterator[Path]:
    """A temporary folder for Tune in the run folder; what a killed search left there is removed.

    Tune takes no path that is not UTF-8: for such a run folder its files are where Ray's are.
    """
    for left in folder.glob(f"{STORAGE_PREFIX}*"):
        shutil.rmtree(left, ignore_errors=True)
    if not _is_utf_8(folder.absolute()):
        with temporary_folder("tune-", LONGEST_PLACE) as storage:
            yield storage
        return
    with sentences(folder / RECORD_NAME):
        storage = Path(tempfile.mkdtemp(prefix=STORAGE_PREFIX, dir=folder.absolute()))
    try:
        yield storage
    finally:
        with undisturbed():
            shutil.rmtree(storage, ignore_errors=True)


def _is_utf_8(path: Path) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True

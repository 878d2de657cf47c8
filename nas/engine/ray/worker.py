"""What a worker does: one proxy, built once, evaluates one trial after another."""

from __future__ import annotations

import json
import socket
import time
from functools import partial
from typing import Any

import torch
from ray import cloudpickle, tune

from nas.engine.loop import MakeProxy, describe, measure
from proxies.base import Proxy
from search_spaces.architecture import Architecture
from search_spaces.errors import NasError


class Evaluation:
    """What a worker does with a trial or a check; lives as long as the worker.

    A proxy that cannot be built, or whose data set this node does not have, is not a failure of the trial: the answer
    says so (``no_proxy``), and the search ends.
    """

    def __init__(self, make_proxy: MakeProxy, threads: int) -> None:
        torch.set_num_threads(threads)
        self._proxy: Proxy | None = None
        try:
            proxy = make_proxy()
            proxy.prepare()
        except NasError as error:
            self._no_proxy = f"on {socket.gethostname()}: {error}"
        except Exception as error:
            self._no_proxy = f"on {socket.gethostname()}: {describe(error)}"
        else:
            self._proxy = proxy

    def __call__(self, config: dict[str, Any]) -> dict[str, Any]:
        """Evaluate what :meth:`nas.engine.ray.searcher.SearchOfTune.suggest` gave; the answer, as plain values."""
        if self._proxy is None:
            return {"no_proxy": self._no_proxy}
        started = time.time()
        architecture = Architecture.from_json(config["architecture"])
        measurement = measure(self._proxy, architecture, config["seed"], config["longer"])
        return {"started": started, "measurement": json.dumps(measurement.to_dict(), default=float)}


def evaluator(make_proxy: MakeProxy, threads: int) -> type[tune.Trainable]:
    """The class whose instances are the workers; one step is one trial.

    Tune gives a waiting trial to whichever worker is free first, and then stops the worker that was starting for it.
    So workers start quickly, and import and build what evaluates in their first trial; by its end all of them are up.

    Args:
        make_proxy: called once in every worker.
        threads: torch threads of a worker.
    """
    payload = cloudpickle.dumps(partial(Evaluation, make_proxy, threads))

    class Evaluator(tune.Trainable):
        evaluation: Any = None

        def reset_config(self, new_config: dict[str, Any]) -> bool:
            return True

        def step(self) -> dict[str, Any]:
            if self.evaluation is None:
                self.evaluation = cloudpickle.loads(payload)()
            return {"done": True, **self.evaluation(self.config)}

    return Evaluator

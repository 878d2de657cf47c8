"""What a worker does: one proxy, built once, evaluates one trial after another."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from ray import cloudpickle, tune

from nas.engine.loop import MakeProxy, describe
from nas.engine.stages import Work, stages
from proxies.base import Proxy
from proxies.reward import AP_ALONE, Reward
from search_spaces.errors import NasError


class Evaluation:
    """What a worker does with a trial or a check; lives as long as the worker.

    A proxy that cannot be built, or whose data set this node does not have, is not a failure of the trial: the answer
    says so (``no_proxy``), and the search ends.
    """

    def __init__(
        self,
        make_proxy: MakeProxy,
        threads: int,
        make_prefilter: MakeProxy | None = None,
        rungs: Sequence[int] = (),
        reward: Reward = AP_ALONE,
    ) -> None:
        torch.set_num_threads(threads)
        self._reward = reward
        self._rungs = rungs
        self._built: tuple[Proxy, Proxy | None] | None = None
        try:
            proxy, prefilter = make_proxy(), None if make_prefilter is None else make_prefilter()
            proxy.prepare()
            if prefilter is not None:
                prefilter.prepare()
        except NasError as error:
            self._no_proxy = f"on {socket.gethostname()}: {error}"
        except Exception as error:
            self._no_proxy = f"on {socket.gethostname()}: {describe(error)}"
        else:
            self._built = proxy, prefilter

    def __call__(self, config: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Evaluate what :meth:`nas.engine.ray.searcher.SearchOfTune.suggest` gave.

        Yields:
            an answer for each stage, as plain values. Those at a rung, after which ASHA says whether the trial goes on,
            have ``steps`` and, as ``value``, the reward; the last one says ``whole``.
        """
        if self._built is None:
            yield {"whole": True, "no_proxy": self._no_proxy}
            return
        started = time.time()
        work = Work.from_plain(config)
        for measurement in stages(work, *self._built, self._rungs):
            steps = measurement.budget.steps
            value = self._reward(measurement, work.architecture) if steps in self._rungs else None
            yield {
                "whole": value is None,
                **({} if value is None else {"steps": steps, "value": value}),
                "started": started,
                "measurement": json.dumps(measurement.to_dict(), default=float),
            }


def evaluator(evaluation: Callable[[], Evaluation]) -> type[tune.Trainable]:
    """The class whose instances are the workers; one step is one stage of a trial.

    Tune gives a waiting trial to whichever worker is free first, and then stops the worker that was starting for it.
    So workers start quickly, and import and build what evaluates in their first trial; by its end all of them are up.

    Args:
        evaluation: makes what evaluates; called once in every worker.
    """
    payload = cloudpickle.dumps(evaluation)

    class Evaluator(tune.Trainable):
        evaluation: Any = None
        answers: Iterator[dict[str, Any]] | None = None

        def reset_config(self, new_config: dict[str, Any]) -> bool:
            self.answers = None
            return True

        def step(self) -> dict[str, Any]:
            if self.evaluation is None:
                self.evaluation = cloudpickle.loads(payload)()
            if self.answers is None:
                self.answers = self.evaluation(self.config)
            answer = next(self.answers)
            return {"done": answer["whole"], **answer}

    return Evaluator

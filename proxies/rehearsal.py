"""How long a whole evaluation takes, known from a shortened one."""

from __future__ import annotations

from dataclasses import replace

from proxies.base import Budget, Measurement, Rehearsal


def extrapolate(part: Measurement, whole: Budget, statistics_images: int = 0, evaluations: int = 1) -> Rehearsal:
    """The seconds of a whole evaluation from those of a shortened one.

    Training is taken to grow with the steps, evaluation with its images, reading with the images of both and of the
    statistics, of which there are as many in either; every other phase, such as building the detector, is done once.

    Args:
        part: what the shortened evaluation gave.
        whole: the budget of a whole one.
        statistics_images: images that are read to estimate the statistics of batch normalisation anew.
        evaluations: how often the evaluation's images are read.
    """
    done = part.budget
    images = [one.steps * one.batch_size + evaluations * one.eval_images + statistics_images for one in (whole, done)]
    factors = {
        "train": whole.steps / done.steps,
        "evaluate": whole.eval_images / done.eval_images,
        "data": images[0] / images[1],
    }
    seconds = {phase: value * factors.get(phase, 1.0) for phase, value in part.seconds.items()}
    how = (
        f"extrapolated from {done.steps:,} of {whole.steps:,} training steps and from detecting in "
        f"{done.eval_images:,} of {whole.eval_images:,} images"
    )
    return Rehearsal(replace(part, seconds=seconds, budget=whole), how)

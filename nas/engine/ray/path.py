"""Where workers import from: where the driver does."""

from __future__ import annotations

import os
import sys

from ray.job_config import JobConfig


class SamePath(JobConfig):
    """Keeps the current folder off the workers' path where the driver's path does not have it.

    Ray puts it first on their path, unless a job has a working folder of its own. A command has taken it off its path,
    since folders and files of the user that lie there (``controllers/``, ``torch/``) are none of its packages.
    """

    def _runtime_env_has_working_dir(self) -> bool:
        return not {"", os.getcwd()} & set(sys.path) or super()._runtime_env_has_working_dir()

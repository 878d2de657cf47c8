"""The parallel runner: Ray Tune evaluates one architecture per trial, in workers that live from trial to trial.

All that imports ray is in here, and importing it takes seconds.
"""

from nas.engine.ray.runner import run_ray
from nas.engine.ray.session import RaySettings, ray_session

__all__ = ["RaySettings", "ray_session", "run_ray"]

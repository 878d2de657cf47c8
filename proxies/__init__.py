"""How good an architecture is: a cheap measurement in place of a full training."""

from proxies.base import Budget, Measurement, Proxy, Rehearsal
from proxies.registry import PROXIES, build
from proxies.reward import reward

__all__ = ["PROXIES", "Budget", "Measurement", "Proxy", "Rehearsal", "build", "reward"]

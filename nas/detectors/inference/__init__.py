"""Detectors that are made fast for inference, and how fast they are."""

from nas.detectors.inference.latency import Latency, measure_latency
from nas.detectors.inference.memory import keep_freed_memory
from nas.detectors.inference.optimise import optimise

__all__ = ["Latency", "keep_freed_memory", "measure_latency", "optimise"]

"""Published checkpoints of other code bases, converted to detectors of this one."""

from nas.checkpoints.convert import SOURCES, convert

__all__ = ["SOURCES", "convert"]

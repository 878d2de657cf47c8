"""Small scalings."""

from __future__ import annotations

from nas.detectors import Scaling

SMALL = {"width": 0.1, "endpoints": 8, "head_channels": 8, "head_depth": 1}


def tiny(convention: str, **changes: object) -> Scaling:
    return Scaling(**{**SMALL, "convention": convention, **changes}).resolved("retinanet")  # type: ignore[arg-type]


TINY = Scaling(width=0.1, endpoints=8, head_channels=8, head_depth=1).resolved("retinanet")

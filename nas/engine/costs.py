"""What the detector costs that a user will build of an architecture, as the record holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from types import NoneType
from typing import Any

from search_spaces.settings import integer, of_type


@dataclass(frozen=True, slots=True)
class Costed:
    """The event that the detector that a user will build of an architecture was counted or, with milliseconds, run.

    Attributes:
        fingerprint: of the architecture.
        image_size: side of the square images in pixels.
        params: trainable parameters.
        multiply_adds: those of one image.
        milliseconds: median time of one image without post-processing; None where it was not run.
        device: what it was run on, in words; empty where it was not run.
    """

    fingerprint: str
    image_size: int
    params: int
    multiply_adds: int
    milliseconds: float | None = None
    device: str = ""

    def __post_init__(self) -> None:
        for name in ("image_size", "params", "multiply_adds"):
            integer(name, getattr(self, name), 1)
        of_type("milliseconds", self.milliseconds, float, NoneType)

    def to_json(self) -> dict[str, Any]:
        """The form in the record."""
        return {"kind": "costed", **asdict(self)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Costed:
        """Read back what :meth:`to_json` gave."""
        return cls(**{field.name: data[field.name] for field in fields(cls)})

"""Who decides: controllers propose decision sequences and learn from rewards. Nothing here knows what is trained."""

from controllers.base import Controller, Proposal
from controllers.registry import CONTROLLERS, build

__all__ = ["CONTROLLERS", "Controller", "Proposal", "build"]

"""Figures and the HTML page of a run, made from its record alone."""

from nas.reporting.outputs import write_outputs
from nas.reporting.page import write_report
from nas.reporting.summary import Summary, summarise

__all__ = ["Summary", "summarise", "write_outputs", "write_report"]

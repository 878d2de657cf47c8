"""What can be built: architectures, their graphs, and the spaces they are drawn from. No deep-learning framework."""

from search_spaces.architecture import Architecture
from search_spaces.base import SearchSpace
from search_spaces.block import BlockSpec
from search_spaces.decisions import Decision, Decisions
from search_spaces.graph import from_graph, to_graph
from search_spaces.published import load, published_names
from search_spaces.registry import NAMED, SPACES, build

__all__ = [
    "NAMED",
    "SPACES",
    "Architecture",
    "BlockSpec",
    "Decision",
    "Decisions",
    "SearchSpace",
    "build",
    "from_graph",
    "load",
    "published_names",
    "to_graph",
]

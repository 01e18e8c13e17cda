"""Architecture search: spaces, objectives, and strategies that ask for a network and are told its value."""

from effnet_lib.search.objective import HARD, SOFT, constrained, hypervolume, mnasnet_reward, pareto_front
from effnet_lib.search.space import Dimension, SearchSpace, mnasnet_space, tabular_space

__all__ = [
    "HARD", "SOFT", "Dimension", "SearchSpace", "constrained", "hypervolume", "mnasnet_reward", "mnasnet_space",
    "pareto_front", "tabular_space",
]  # fmt: skip

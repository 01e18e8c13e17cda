"""Architecture search: spaces, objectives, and strategies that ask for a network and are told its value.

>>> strategy = RegularizedEvolution(tabular_space(), seed=0)
>>> genotype = strategy.ask()
>>> strategy.tell(genotype, 0.85)
"""

from effnet_lib.search.evolution import RegularizedEvolution
from effnet_lib.search.nsga import NSGA2
from effnet_lib.search.objective import HARD, SOFT, constrained, hypervolume, mnasnet_reward, pareto_front
from effnet_lib.search.policy_gradient import PPO, Reinforce
from effnet_lib.search.random_search import RandomSearch
from effnet_lib.search.space import Dimension, SearchSpace, mnasnet_space, tabular_space
from effnet_lib.search.strategy import Strategy
from effnet_lib.search.table import SearchTable, load_table, regret_curves, search_table

__all__ = [
    "HARD", "NSGA2", "PPO", "SOFT", "Dimension", "RandomSearch", "RegularizedEvolution", "Reinforce",
    "SearchSpace", "SearchTable", "Strategy", "constrained", "hypervolume", "load_table", "mnasnet_reward",
    "mnasnet_space", "pareto_front", "regret_curves", "search_table", "tabular_space",
]  # fmt: skip

"""Architecture search: spaces, objectives, and strategies that ask for a network and are told its value.

>>> strategy = RegularizedEvolution(tabular_space(), seed=0)
>>> genotype = strategy.ask()
>>> strategy.tell(genotype, 0.85)

``run_search`` does this to the end, on one machine or many.
"""

from effnet_lib.search.evolution import RegularizedEvolution
from effnet_lib.search.journal import load_search
from effnet_lib.search.nsga import NSGA2
from effnet_lib.search.objective import HARD, SOFT, constrained, hypervolume, mnasnet_reward, pareto_front
from effnet_lib.search.policy_gradient import PPO, Reinforce
from effnet_lib.search.pool import WorkerDiedError, WorkerPool
from effnet_lib.search.random_search import RandomSearch
from effnet_lib.search.run import run_search
from effnet_lib.search.space import Dimension, SearchSpace, mnasnet_space, tabular_space
from effnet_lib.search.strategy import Strategy
from effnet_lib.search.table import SearchTable, load_table, regret_curves, search_table
from effnet_lib.search.training import Accuracy, Reward, TradeOff, TrainedValue, Within
from effnet_lib.search.trial import Evaluation, SearchResult, Trial

__all__ = [
    "HARD", "NSGA2", "PPO", "SOFT", "Accuracy", "Dimension", "Evaluation", "RandomSearch",
    "RegularizedEvolution", "Reinforce", "Reward", "SearchResult", "SearchSpace", "SearchTable", "Strategy",
    "TradeOff", "TrainedValue", "Trial", "Within", "WorkerDiedError", "WorkerPool", "constrained", "hypervolume",
    "load_search", "load_table", "mnasnet_reward", "mnasnet_space", "pareto_front", "regret_curves",
    "run_search", "search_table", "tabular_space",
]  # fmt: skip

"""Training: ``fit``, ``evaluate``, recipes, checkpoints that resume; ``python -m effnet_lib.train --help``."""

from effnet_lib.train.batch_norm import recalibrate
from effnet_lib.train.checkpoint import CheckpointError
from effnet_lib.train.evaluation import Report, evaluate, predict, split_accuracy
from effnet_lib.train.finetune import freeze, replace_head, stage_rates, thaw
from effnet_lib.train.history import History
from effnet_lib.train.loop import fit
from effnet_lib.train.recipe import RECIPES, Recipe, get_recipe

__all__ = [
    "RECIPES", "CheckpointError", "History", "Recipe", "Report", "evaluate", "fit", "freeze", "get_recipe",
    "predict", "recalibrate", "replace_head", "split_accuracy", "stage_rates", "thaw",
]  # fmt: skip

"""Exercises of chapter 10: scores, gradients, baselines, clipping, entropy, and many tests at once."""

import math

from effnet_lib.exercises import case, exercise


def softmax(logits):
    """Probabilities of the arms: exp(logit), divided by the sum."""
    highest = max(logits)
    weights = [math.exp(logit - highest) for logit in logits]
    return [weight / sum(weights) for weight in weights]


# 1. the score of one draw


def only_the_drawn(logits, arm):
    pi = softmax(logits)
    return [1 - pi[i] if i == arm else 0.0 for i in range(len(pi))]


def score_upside_down(logits, arm):
    return [p - (i == arm) for i, p in enumerate(softmax(logits))]


def gradient_of_the_probability(logits, arm):
    pi = softmax(logits)
    return [pi[arm] * ((i == arm) - p) for i, p in enumerate(pi)]


def without_the_softmax(logits, arm):
    return [(i == arm) - logit for i, logit in enumerate(logits)]


def one_over_the_probability(logits, arm):
    return [1 / p if i == arm else 0.0 for i, p in enumerate(softmax(logits))]


@exercise(
    title="The score: how log π of what was drawn depends on the logits",
    cases=[
        ([0.2, -0.1, 0.5, 0.0], 2),
        ([0.2, -0.1, 0.5, 0.0], 0),
        ([0.0, 0.0], 1),
        ([3.0, 1.0, 2.0], 1),
        ([5.0], 0),
    ],
    wrong=[
        (
            only_the_drawn,
            "Only the drawn arm moves. The probabilities sum to 1: what it gains, all others lose, each in "
            "proportion to its own probability.",
        ),
        (score_upside_down, "The sign is turned round: this makes what was drawn less likely."),
        (
            gradient_of_the_probability,
            "That is the gradient of π itself. The logarithm divides it by π(arm).",
        ),
        (without_the_softmax, "You subtract the logits. What is subtracted is their softmax."),
        (
            one_over_the_probability,
            "That differentiates log π by π. The knobs that the controller turns are the logits.",
        ),
    ],
    hint="One-hot minus probability: 1 for the drawn arm and 0 for the others, less `softmax(logits)`.",
)
def score(logits: list[float], arm: int) -> list[float]:
    """Gradient of log softmax(logits)[arm] with respect to the logits, one number an arm."""
    return [(1.0 if i == arm else 0.0) - p for i, p in enumerate(softmax(logits))]


# 2. the exact gradient of the expected reward


def without_the_mean(logits, rewards):
    return [p * r for p, r in zip(softmax(logits), rewards, strict=True)]


def without_the_probability(logits, rewards):
    pi = softmax(logits)
    mean = sum(p * r for p, r in zip(pi, rewards, strict=True))
    return [r - mean for r in rewards]


def against_the_plain_mean(logits, rewards):
    mean = sum(rewards) / len(rewards)
    return [p * (r - mean) for p, r in zip(softmax(logits), rewards, strict=True)]


def only_with_itself(logits, rewards):
    return [p * (1 - p) * r for p, r in zip(softmax(logits), rewards, strict=True)]


def downhill(logits, rewards):
    return [-g for g in gradient(logits, rewards)]


@exercise(
    title="The policy gradient of a bandit, exactly",
    cases=[
        ([0.2, -0.1, 0.5, 0.0], [1.0, 0.0, 2.0, 0.5]),
        ([0.0, 0.0, 0.0], [3.0, 1.0, 2.0]),
        ([1.0, -1.0], [0.7, 0.6]),
        ([0.3, 0.1, -2.0], [5.0, 5.0, 5.0]),
    ],
    wrong=[
        (
            without_the_mean,
            "You leave out J. Then every logit would rise wherever rewards are positive; but softmax does not "
            "change when all logits rise together, so the entries have to sum to 0.",
        ),
        (
            without_the_probability,
            "Without π. An arm that is never drawn cannot contribute, however good it is.",
        ),
        (
            against_the_plain_mean,
            "You compare with the plain mean of the rewards. J is the mean of what the controller *draws*: "
            "weighted by π.",
        ),
        (
            only_with_itself,
            "You take each probability's dependence on its own logit only. Raising one logit lowers all other "
            "probabilities, and their rewards are lost.",
        ),
        (downhill, "The sign is turned round. The reward is to rise: no minus."),
    ],
    hint="J is the sum of π times reward. Each entry is π of the arm times (its reward − J).",
)
def gradient(logits: list[float], rewards: list[float]) -> list[float]:
    """Gradient of the expected reward with respect to the logits, one number an arm."""
    pi = softmax(logits)
    mean = sum(p * r for p, r in zip(pi, rewards, strict=True))
    return [p * (r - mean) for p, r in zip(pi, rewards, strict=True)]


# 3. the baseline of every batch


def batches_of(rewards, size):
    return [rewards[i : i + size] for i in range(0, len(rewards) - size + 1, size)]


def with_the_batch_itself(rewards, size, decay):
    used, baseline = [], None
    for batch in batches_of(rewards, size):
        mean = sum(batch) / size
        baseline = mean if baseline is None else decay * baseline + (1 - decay) * mean
        used.append(baseline)
    return used


def weights_swapped(rewards, size, decay):
    return baselines(rewards, size, 1 - decay)


def from_zero(rewards, size, decay):
    used, baseline = [], 0.0
    for batch in batches_of(rewards, size):
        used.append(baseline)
        baseline = decay * baseline + (1 - decay) * sum(batch) / size
    return used


def each_batch_alone(rewards, size, decay):
    return [sum(batch) / size for batch in batches_of(rewards, size)]


def the_best_so_far(rewards, size, decay):
    return [max(rewards[: max(size, i * size)]) for i in range(len(rewards) // size)]


@exercise(
    title="The baseline that each batch is compared with",
    cases=[
        ([1.0, 3.0, 5.0, 7.0, 0.0, 0.0], 2, 0.75),
        ([0.5, 0.6, 0.7, 0.9], 1, 0.9),
        ([0.5, 0.6, 0.7, 0.9, 0.1], 2, 0.8),
        ([2.0, 2.0, 2.0, 2.0], 2, 0.3),
        ([0.5], 4, 0.9),
    ],
    wrong=[
        (
            with_the_batch_itself,
            "You average the batch in before you compare with it. Then each reward is compared with a number "
            "that it moved itself, and the estimate is no longer free of bias. Update afterwards.",
        ),
        (weights_swapped, "`decay` is the weight of the old baseline, 1 − `decay` that of the new batch."),
        (
            from_zero,
            "You start from 0. Everything in the first batches would look excellent: start from the mean of the "
            "first batch.",
        ),
        (each_batch_alone, "You compare every batch with itself. The baseline remembers earlier batches."),
        (
            the_best_so_far,
            "That is the best so far. Against it nearly everything is a failure; a baseline is a *mean*.",
        ),
    ],
    hint="Before any batch there is no baseline: the first one uses its own mean. Then, after each batch: "
    "baseline ← decay · baseline + (1 − decay) · mean of the batch.",
)
def baselines(rewards: list[float], size: int, decay: float) -> list[float]:
    """What the rewards of each whole batch of ``size`` are compared with, one number a batch."""
    used, baseline = [], None
    for start in range(0, len(rewards) - size + 1, size):
        mean = sum(rewards[start : start + size]) / size
        if baseline is None:
            baseline = mean
        used.append(baseline)
        baseline = decay * baseline + (1 - decay) * mean
    return used


# 4. the clipped objective


def clipped_only(ratio, advantage, clip):
    return min(max(ratio, 1 - clip), 1 + clip) * advantage


def the_larger_one(ratio, advantage, clip):
    return max(ratio * advantage, clipped_only(ratio, advantage, clip))


def not_clipped(ratio, advantage, clip):
    return ratio * advantage


def clipped_above_only(ratio, advantage, clip):
    return min(ratio, 1 + clip) * advantage


def clipped_product(ratio, advantage, clip):
    return min(ratio * advantage, min(max(ratio * advantage, 1 - clip), 1 + clip))


@exercise(
    title="PPO's objective of one draw",
    cases=[
        (1.0, 2.0, 0.2),
        (1.5, 2.0, 0.2),
        (0.5, 2.0, 0.2),
        (1.5, -2.0, 0.2),
        (0.5, -2.0, 0.2),
        (1.1, -0.5, 0.1),
        case(3.0, 0.25, clip=0.5),
    ],
    wrong=[
        (
            clipped_only,
            "You clip on both sides. Where a step made things *worse* (a good network less likely, a bad one "
            "likelier), the objective has to keep its slope, to lead back: take the smaller of the two.",
        ),
        (the_larger_one, "The larger of the two is the hopeful one. PPO takes the *smaller*."),
        (not_clipped, "Nothing is clipped. Then one batch may push a probability as far as it likes."),
        (
            clipped_above_only,
            "You clip above only. For a negative advantage the side that must not be overdone is below 1 − clip.",
        ),
        (clipped_product, "You clip the product. It is the *ratio* that has to stay near 1."),
    ],
    hint="`min(ratio * advantage, clipped * advantage)`, where `clipped` is the ratio held within 1 − clip and "
    "1 + clip.",
)
def clipped_objective(ratio: float, advantage: float, clip: float = 0.2) -> float:
    """min(ratio · advantage, ratio held within 1 ± clip · advantage)."""
    clipped = min(max(ratio, 1 - clip), 1 + clip)
    return min(ratio * advantage, clipped * advantage)


# 5. how many networks are still in the race


def entropy(logits):
    """Of one softmax, in nats."""
    return -sum(p * math.log(p) for p in softmax(logits) if p > 0)


def choices_added(rows):
    return sum(math.exp(entropy(row)) for row in rows)


def entropy_itself(rows):
    return sum(entropy(row) for row in rows)


def bits_as_nats(rows):
    return math.exp(sum(entropy(row) / math.log(2) for row in rows))


def mean_over_dimensions(rows):
    return math.exp(sum(entropy(row) for row in rows) / len(rows))


def one_over_the_favourite(rows):
    return math.prod(1 / max(softmax(row)) for row in rows)


@exercise(
    title="How many networks are still in the race",
    cases=[
        ([[0.0, 0.0, 0.0], [0.0, 0.0]],),
        ([[0.0, 1.0, 2.0], [0.5, -0.5], [0.0, 0.0]],),
        ([[0.0, 100.0], [100.0, 0.0, 0.0]],),
        ([[1.0, 3.0, 2.0]],),
        ([[0.0, 2000.0], [0.0, 0.0]],),
    ],
    wrong=[
        (
            choices_added,
            "You add the dimensions up. Choices multiply: 3 options in one and 2 in another are 6 networks.",
        ),
        (
            entropy_itself,
            "That is the entropy, in nats. Of n equally likely networks it is log n: take the exponential.",
        ),
        (bits_as_nats, "The entropy is in bits and the exponential to base e. Use one base for both."),
        (
            mean_over_dimensions,
            "You average over the dimensions. They are drawn independently, so their entropies add.",
        ),
        (
            one_over_the_favourite,
            "One over the probability of the favourite looks at one network only. The entropy weighs all of them.",
        ),
    ],
    hint="The entropy of one row is −Σ p log p, where a p of 0 adds nothing. Add the rows, then `math.exp`.",
)
def networks_in_the_race(rows: list[list[float]]) -> float:
    """exp(entropy) of a controller with one softmax a row: the size of an evenly drawn space as uncertain."""
    total = 0.0
    for row in rows:
        total -= sum(p * math.log(p) for p in softmax(row) if p > 0)
    return math.exp(total)


# 6. many tests at once


def bonferroni(pvalues):
    return [min(1.0, len(pvalues) * p) for p in pvalues]


def holm_without_a_staircase(pvalues):
    order = sorted(range(len(pvalues)), key=lambda i: pvalues[i])
    found = [0.0] * len(pvalues)
    for rank, i in enumerate(order):
        found[i] = min(1.0, (len(pvalues) - rank) * pvalues[i])
    return found


def holm_uncapped(pvalues):
    found, least = [0.0] * len(pvalues), 0.0
    for rank, i in enumerate(sorted(range(len(pvalues)), key=lambda i: pvalues[i])):
        least = found[i] = max(least, (len(pvalues) - rank) * pvalues[i])
    return found


def holm_sorted(pvalues):
    return sorted(holm(pvalues))


def benjamini_hochberg(pvalues):
    n, order = len(pvalues), sorted(range(len(pvalues)), key=lambda i: -pvalues[i])
    found, most = [0.0] * n, 1.0
    for place, i in enumerate(order):
        most = found[i] = min(most, pvalues[i] * n / (n - place))
    return found


@exercise(
    title="Holm's correction",
    cases=[
        ([0.01, 0.04, 0.03, 0.005],),
        ([0.02, 0.02, 0.02],),
        ([0.7, 0.001, 0.6],),
        ([0.03],),
        ([0.9, 0.0004, 0.011, 0.012, 0.2],),
    ],
    wrong=[
        (
            bonferroni,
            "That is Bonferroni's correction: every p times n. Holm's is as safe and finds more: only the "
            "smallest is multiplied by n, the next by n − 1, and so on.",
        ),
        (
            holm_without_a_staircase,
            "A larger p may not come out below a smaller one. Keep the largest so far as you go up.",
        ),
        (holm_uncapped, "A probability is at most 1."),
        (holm_sorted, "The right numbers, but sorted. Each belongs at the place of its own p."),
        (
            benjamini_hochberg,
            "That is Benjamini and Hochberg's procedure. It bounds the share of false ones among your findings; "
            "Holm bounds the chance of even one.",
        ),
    ],
    hint="Go through the p values from the smallest. Multiply by n, n − 1, …, 1; never fall below what came "
    "before; cap at 1. Put each result back where its p stood.",
)
def holm(pvalues: list[float]) -> list[float]:
    """The p values corrected for their number, in the same order."""
    corrected, least = [0.0] * len(pvalues), 0.0
    for rank, i in enumerate(sorted(range(len(pvalues)), key=lambda i: pvalues[i])):
        least = max(least, min(1.0, (len(pvalues) - rank) * pvalues[i]))
        corrected[i] = least
    return corrected

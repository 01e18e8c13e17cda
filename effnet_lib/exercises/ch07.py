"""Exercises of chapter 7: networks of equal cost, and differences that are larger than luck."""

import math
from statistics import fmean, pvariance, variance

from effnet_lib.cost import cost_of
from effnet_lib.exercises import case, exercise
from effnet_lib.experiments.matching import with_widths
from effnet_lib.small import glyph_base

# 1. blocks for a multiplier


def every_stage_up(depths, multiplier):
    return [math.ceil(depth * multiplier - 1e-9) for depth in depths]


def every_stage_down(depths, multiplier):
    return [max(1, math.floor(depth * multiplier + 1e-9)) for depth in depths]


def every_stage_to_nearest(depths, multiplier):
    return [max(1, math.floor(depth * multiplier + 0.5)) for depth in depths]


def from_the_left(depths, multiplier):
    blocks = every_stage_down(depths, multiplier)
    missing = math.floor(sum(depths) * multiplier + 0.5) - sum(blocks)
    return [b + (i < missing) for i, b in enumerate(blocks)]


def to_the_longest(depths, multiplier):
    blocks = every_stage_down(depths, multiplier)
    missing = math.floor(sum(depths) * multiplier + 0.5) - sum(blocks)
    blocks[depths.index(max(depths))] += missing
    return blocks


@exercise(
    title="Spread the blocks of a depth multiplier over the stages, so that the total is right",
    cases=[
        ([1, 1, 2, 1], 1.2),
        ([1, 1, 2, 1], 1.4),
        ([1, 1, 2, 1], 2.0),
        ([1, 1, 2, 1], 2.5),
        ([1, 2, 2, 3, 3, 4, 1], 1.1),
        ([2, 3, 3], 1.7),
        ([3, 1, 1], 1.6),
    ],
    wrong=[
        (
            every_stage_up,
            "You round every stage up, as EfficientNet does. With one block a stage, a multiplier of 1.2 then "
            "doubles almost everything: the total is what has to be right.",
        ),
        (
            every_stage_down,
            "You round every stage down, and the total falls short. Give out what is missing.",
        ),
        (
            every_stage_to_nearest,
            "You round every stage for itself. The errors add up: round the *total*, then give out what is "
            "missing.",
        ),
        (
            from_the_left,
            "The total is right, but the extra blocks go to the first stages. They belong to the stages that "
            "rounding down cut most.",
        ),
        (
            to_the_longest,
            "The total is right, but all extra blocks go to one stage. Each goes to the stage with the "
            "largest remainder that has had none.",
        ),
    ],
    hint="Round every stage down and the total to the nearest whole number (halves up). As many blocks as are "
    "missing go to the stages with the largest remainders, one each, the earlier stage first among equals. "
    "Forgive floating point 1e-9.",
)
def spread_blocks(depths: list[int], multiplier: float) -> list[int]:
    """Depths times ``multiplier``, as whole blocks whose sum is the nearest to the exact sum."""
    exact = [depth * multiplier for depth in depths]
    blocks = [math.floor(value + 1e-9) for value in exact]
    missing = math.floor(sum(depths) * multiplier + 0.5) - sum(blocks)
    cut_most_first = sorted(range(len(depths)), key=lambda i: round(blocks[i] - exact[i], 9))
    for i in cut_most_first[:missing]:
        blocks[i] += 1
    return blocks


# 2. the width that is left


def widened(pixels, width):
    """The chapter's network at ``pixels``, all widths times ``width``, to the nearest whole channel."""
    base = glyph_base(pixels)
    channels = (base.stem, *(stage.channels for stage in base.stages), base.head)
    return with_widths(base, tuple(math.floor(c * width + 0.5) for c in channels))


def width_by_the_law(pixels, factor):
    return round(math.sqrt(factor) * 22 / pixels, 2)


def width_that_stays_below(pixels, factor):
    target = factor * cost_of(glyph_base(22)).macs
    return max(i / 100 for i in range(30, 301) if cost_of(widened(pixels, i / 100)).macs <= target)


def width_that_reaches(pixels, factor):
    target = factor * cost_of(glyph_base(22)).macs
    return min(i / 100 for i in range(30, 301) if cost_of(widened(pixels, i / 100)).macs >= target)


def width_of_a_larger_base(pixels, factor):
    target = factor * cost_of(glyph_base(pixels)).macs
    return min(range(30, 301), key=lambda i: abs(cost_of(widened(pixels, i / 100)).macs - target)) / 100


def width_for_parameters(pixels, factor):
    target = factor * cost_of(glyph_base(22)).params
    return min(range(30, 301), key=lambda i: abs(cost_of(widened(pixels, i / 100)).params - target)) / 100


@exercise(
    title="The width that is left when the resolution has been chosen",
    cases=[(22, 2), (31, 2), (26, 4), (44, 4), (22, 8), (44, 2), (30, 3.5)],
    wrong=[
        (width_by_the_law, "You solve w²r² = factor. Stem, classifier and rounding break the law: count."),
        (width_that_stays_below, "You never exceed the target. The closest is wanted, also from above."),
        (width_that_reaches, "You take the first that reaches the target. The one before may be closer."),
        (
            width_of_a_larger_base,
            "Your budget is a multiple of the base at the *new* resolution. It is one of the base at 22 "
            "pixels: the larger pictures have to be paid from it.",
        ),
        (width_for_parameters, "You match parameters. Resolution costs none: match `.macs`."),
    ],
    hint="`min(candidates, key=...)` with the distance of the MACs of `widened(pixels, width)` to the target, "
    "`factor * cost_of(glyph_base(22)).macs`; `min` keeps the first of equals.",
)
def width_left(pixels: int, factor: float) -> float:
    """Width of 0.30, 0.31, …, 3.00 whose network costs closest to ``factor`` times the base's MACs."""
    target = factor * cost_of(glyph_base(22)).macs

    def distance(width):
        return abs(cost_of(widened(pixels, width)).macs - target)

    return min([hundredths / 100 for hundredths in range(30, 301)], key=distance)


# 3. phi for a budget


def phi_of_doublings(factor, alpha=1.2, beta=1.1, gamma=1.15):
    return math.log2(factor)


def phi_without_squares(factor, alpha=1.2, beta=1.1, gamma=1.15):
    return math.log(factor) / math.log(alpha * beta * gamma)


def phi_as_a_quotient(factor, alpha=1.2, beta=1.1, gamma=1.15):
    return factor / (alpha * beta**2 * gamma**2)


def phi_upside_down(factor, alpha=1.2, beta=1.1, gamma=1.15):
    return math.log(alpha * beta**2 * gamma**2) / math.log(factor)


@exercise(
    title="The φ that multiplies the MACs by a factor",
    cases=[(2,), (8,), (1.92027,), (100,), case(4, alpha=1.0, beta=1.0, gamma=1.4142), (3, 1.4, 1.2, 1.0)],
    wrong=[
        (
            phi_of_doublings,
            "You take every step of φ for a doubling. The paper's constants give 1.92 a step.",
        ),
        (phi_without_squares, "Width and resolution enter the MACs twice: α·β²·γ² is one step."),
        (phi_as_a_quotient, "You divide. Steps multiply, so φ stands in the exponent: take logarithms."),
        (phi_upside_down, "Upside down: that says which part of a step the factor is."),
    ],
    hint="Solve (α·β²·γ²)^φ = factor for φ with logarithms.",
)
def phi_for(factor: float, alpha: float = 1.2, beta: float = 1.1, gamma: float = 1.15) -> float:
    """The phi at which the law multiplies the MACs by ``factor``."""
    return math.log(factor) / math.log(alpha * beta**2 * gamma**2)


# 4. choosing within a budget

_CANDIDATES = [
    {"name": "wide", "macs": 490, "validation": [0.76, 0.78, 0.75], "test": [0.80, 0.81, 0.80]},
    {"name": "deep", "macs": 500, "validation": [0.84, 0.66, 0.71], "test": [0.70, 0.71, 0.69]},
    {"name": "sharp", "macs": 510, "validation": [0.83, 0.83, 0.81], "test": [0.79, 0.80, 0.78]},
    {"name": "all three", "macs": 480, "validation": [0.77, 0.79, 0.78], "test": [0.77, 0.76, 0.78]},
    {"name": "tiny", "macs": 100, "validation": [0.64, 0.62, 0.63], "test": [0.63, 0.62, 0.64]},
]


def chosen_on_test(candidates, budget):
    fitting = [c for c in candidates if c["macs"] <= budget]
    return max(fitting, key=lambda c: fmean(c["test"]))["name"]


def chosen_beyond_the_budget(candidates, budget):
    return max(candidates, key=lambda c: fmean(c["validation"]))["name"]


def chosen_by_the_luckiest_seed(candidates, budget):
    fitting = [c for c in candidates if c["macs"] <= budget]
    return max(fitting, key=lambda c: max(c["validation"]))["name"]


def chosen_for_each_mac(candidates, budget):
    fitting = [c for c in candidates if c["macs"] <= budget]
    return max(fitting, key=lambda c: fmean(c["validation"]) / c["macs"])["name"]


def chosen_strictly_below(candidates, budget):
    return choose(candidates, budget - 1)


@exercise(
    title="Choose a network within a budget",
    cases=[
        case(_CANDIDATES, 505).called("choose(candidates, 505)"),
        case(_CANDIDATES, 1000).called("choose(candidates, 1000)"),
        case(_CANDIDATES, 510).called("choose(candidates, 510)"),
        case(_CANDIDATES, 495).called("choose(candidates, 495)"),
        case(_CANDIDATES, 480).called("choose(candidates, 480)"),
    ],
    wrong=[
        (
            chosen_on_test,
            "You choose on the test images. What is chosen on them can no longer be tested on them: use "
            "`validation`.",
        ),
        (chosen_beyond_the_budget, "You forget the budget: only networks of at most `budget` MACs count."),
        (
            chosen_by_the_luckiest_seed,
            "You take the best single seed. That rewards networks that vary: compare means over seeds.",
        ),
        (chosen_for_each_mac, "You divide by the MACs. Within the budget a MAC costs nothing."),
        (chosen_strictly_below, "A network that costs exactly the budget keeps it: `<=`."),
    ],
    hint="Filter first, then `max(..., key=...)` with the mean of `validation`.",
)
def choose(candidates: list[dict], budget: float) -> str:
    """Name of the candidate with the highest mean validation accuracy among those that keep the budget."""
    fitting = [candidate for candidate in candidates if candidate["macs"] <= budget]
    return max(fitting, key=lambda candidate: fmean(candidate["validation"]))["name"]


# 5. a difference and how sure it is


def interval_of_populations(first, second, t):
    half = t * math.sqrt(pvariance(first) / len(first) + pvariance(second) / len(second))
    return fmean(first) - fmean(second) - half, fmean(first) - fmean(second) + half


def interval_of_added_errors(first, second, t):
    half = t * (math.sqrt(variance(first) / len(first)) + math.sqrt(variance(second) / len(second)))
    return fmean(first) - fmean(second) - half, fmean(first) - fmean(second) + half


def interval_of_one_run(first, second, t):
    half = t * math.sqrt(variance(first) + variance(second))
    return fmean(first) - fmean(second) - half, fmean(first) - fmean(second) + half


def interval_of_subtracted_variances(first, second, t):
    half = t * math.sqrt(abs(variance(first) / len(first) - variance(second) / len(second)))
    return fmean(first) - fmean(second) - half, fmean(first) - fmean(second) + half


def interval_the_other_way(first, second, t):
    return difference_interval(second, first, t)


def interval_in_pairs(first, second, t):
    gaps = [a - b for a, b in zip(first, second, strict=False)]
    half = t * math.sqrt(variance(gaps) / len(gaps))
    return fmean(gaps) - half, fmean(gaps) + half


@exercise(
    title="A confidence interval for the difference of two means",
    cases=[
        ([0.83, 0.85, 0.82, 0.86, 0.84], [0.76, 0.79, 0.75, 0.78, 0.77], 2.31),
        ([0.70, 0.68, 0.66], [0.71, 0.69, 0.73, 0.70, 0.72], 2.9),
        ([0.90, 0.92, 0.91, 0.93, 0.94], [0.91, 0.90, 0.93, 0.92, 0.95], 2.3),
    ],
    wrong=[
        (
            interval_of_populations,
            "Your variance divides by n. The seeds are a sample: divide by n − 1, as `statistics.variance` does.",
        ),
        (
            interval_of_added_errors,
            "You add the two standard errors. Variances add: add, then take the root.",
        ),
        (
            interval_of_one_run,
            "That is the spread of a difference of two single runs. The variance of a *mean* is divided by "
            "the number of seeds.",
        ),
        (
            interval_of_subtracted_variances,
            "You subtract the variances because the means are subtracted. Two uncertainties never cancel: "
            "add them.",
        ),
        (interval_the_other_way, "The sign is turned round: it is the first minus the second."),
        (
            interval_in_pairs,
            "You pair the runs by seed. That is another question: it needs the same seeds on both sides and "
            "a t of its own. Here they are two samples, and the numbers of seeds may differ.",
        ),
    ],
    hint="The middle is the difference of the means. The half width is `t` times the root of "
    "variance/n of the one plus variance/n of the other.",
)
def difference_interval(first: list[float], second: list[float], t: float) -> tuple[float, float]:
    """Interval for mean(first) − mean(second), ``t`` standard errors to either side."""
    middle = fmean(first) - fmean(second)
    half = t * math.sqrt(variance(first) / len(first) + variance(second) / len(second))
    return middle - half, middle + half


# 6. the front


def front_that_only_rises(networks):
    names, best = [], -math.inf
    for name, _, accuracy in networks:  # in the order given
        if accuracy > best:
            names.append(name)
            best = accuracy
    return names


def front_with_losers_of_a_tie(networks):
    ordered = sorted(networks, key=lambda one: one[1])
    kept = [a for a in ordered if not any(b[1] < a[1] and b[2] > a[2] for b in ordered)]
    return [name for name, _, _ in kept]


def front_from_the_top(networks):
    return pareto_front(networks)[::-1]


def all_that_beat_something(networks):
    ordered = sorted(networks, key=lambda one: one[1])
    return [a[0] for a in ordered if any(b[1] >= a[1] and b[2] <= a[2] for b in ordered if b != a)]


@exercise(
    title="The Pareto front: the networks that nobody beats",
    cases=[
        ([("a", 1, 0.64), ("b", 2, 0.77), ("c", 2, 0.83), ("d", 4, 0.81), ("e", 4, 0.91)],),
        ([("big", 8, 0.97), ("small", 1, 0.64), ("odd", 4, 0.60), ("mid", 4, 0.93)],),
        ([("slow", 9, 0.90), ("fast", 3, 0.90), ("mid", 5, 0.88)],),
        ([("only", 5, 0.5)],),
        ([("x", 3, 0.7), ("y", 1, 0.9), ("z", 2, 0.8)],),
    ],
    wrong=[
        (
            front_that_only_rises,
            "You walk through the networks in the order given. Sort them by cost first, and among equal costs "
            "the more accurate first.",
        ),
        (
            front_with_losers_of_a_tie,
            "A network is also beaten by one that costs the same and is better, or is as good and costs less.",
        ),
        (front_from_the_top, "The right networks, the wrong way round: the cheapest comes first."),
        (
            all_that_beat_something,
            "You keep every network that beats another one. Keep those that *no* other beats.",
        ),
    ],
    hint="Sort by cost, the more accurate first among equals. Walk up and keep a network only if it is more "
    "accurate than everything before it.",
)
def pareto_front(networks: list[tuple[str, float, float]]) -> list[str]:
    """Names of the networks (name, cost, accuracy) that no other beats, the cheapest first."""
    names, best = [], -math.inf
    for name, _, accuracy in sorted(networks, key=lambda one: (one[1], -one[2])):
        if accuracy > best:
            names.append(name)
            best = accuracy
    return names

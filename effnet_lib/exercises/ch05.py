"""Exercises of chapter 5: the three knobs, counted."""

import math

from effnet_lib.cost import cost_of
from effnet_lib.exercises import case, exercise
from effnet_lib.families import get_arch
from effnet_lib.scaling import compound_scale, scale

B0_DEPTHS = [1, 2, 2, 3, 3, 4, 1]


# 1. the third coefficient


def gamma_squared(alpha, beta, factor=2.0):
    return factor / (alpha * beta**2)


def width_once(alpha, beta, factor=2.0):
    return math.sqrt(factor / (alpha * beta))


def depth_twice(alpha, beta, factor=2.0):
    return math.sqrt(factor) / (alpha * beta)


@exercise(
    title="The third coefficient: `gamma` from `alpha`, `beta` and the factor wanted",
    cases=[(1.2, 1.1), (1.0, 1.0), (1.3, 1.05), (1.0, 1.4), case(1.2, 1.1, factor=1.92027), (1.5, 1.2, 4.0)],
    wrong=[
        (gamma_squared, "That is γ². Resolution enters twice, height and width: take the root."),
        (width_once, "You count width once. It widens what goes in and what comes out: β²."),
        (depth_twice, "You square the depth too. Twice the blocks are twice the MACs: α once."),
    ],
    hint="Write α·β²·γ² = factor and solve it for γ.",
)
def third_coefficient(alpha: float, beta: float, factor: float = 2.0) -> float:
    """The gamma for which ``alpha * beta**2 * gamma**2`` is ``factor``."""
    return math.sqrt(factor / (alpha * beta**2))


# 2. depths


def rounded_down(depths, multiplier):
    return [max(1, math.floor(depth * multiplier)) for depth in depths]


def rounded_to_nearest(depths, multiplier):
    return [max(1, math.floor(depth * multiplier + 0.5)) for depth in depths]


def bare_ceiling(depths, multiplier):
    return [math.ceil(depth * multiplier) for depth in depths]


def always_one_more(depths, multiplier):
    return [int(depth * multiplier) + 1 for depth in depths]


def one_sum(depths, multiplier):
    return sum(math.ceil(depth * multiplier - 1e-9) for depth in depths)


@exercise(
    title="Scale the depths of all stages",
    cases=[
        (B0_DEPTHS, 1.1),
        (B0_DEPTHS, 1.8),
        (B0_DEPTHS, 3.1),
        ([10, 25, 30], 2.2),
        ([3, 5], 1.0),
        ([2], 2),
    ],
    wrong=[
        (rounded_down, "You round down. At a multiplier of 1.1 that adds no block at all to B0: round up."),
        (rounded_to_nearest, "You round to the nearest whole number; round every stage up."),
        (
            bare_ceiling,
            "Almost. `25 * 2.2` is 55.00000000000001 in floating point, and its ceiling is 56. "
            "Take off a little, say `1e-9`, before you round up.",
        ),
        (always_one_more, "A product that is whole already needs no rounding: 3 blocks × 1.0 are 3."),
        (one_sum, "You add the stages up. The depth of every stage is wanted, as a list."),
    ],
    hint="Round every product up with `math.ceil`, and look at what `25 * 2.2` is in Python.",
)
def scaled_depths(depths: list[int], multiplier: float) -> list[int]:
    """Depth of every stage times ``multiplier``, each rounded up; 1e-9 of a block is forgiven."""
    return [math.ceil(depth * multiplier - 1e-9) for depth in depths]


# 3. the end of a step


def floor_of_the_step(resolution, stride=32):
    return max(stride, resolution // stride * stride)


def as_if_sizes_were_cut_off(resolution, stride=32):
    return resolution // stride * stride + stride - 1


def always_32(resolution, stride=32):
    return math.ceil(resolution / 32) * 32


def always_the_next(resolution, stride=32):
    return (resolution // stride + 1) * stride


def nearest_of_all(resolution, stride=32):
    return max(1, round(resolution / stride)) * stride


@exercise(
    title="The largest image that ends on the same last feature map",
    cases=[224, 225, 256, 257, 260, 287, 300, 33, case(100, stride=16), case(96, stride=16)],
    wrong=[
        (floor_of_the_step, "You go down, to where the step begins. Its end is wanted."),
        (
            as_if_sizes_were_cut_off,
            "You halve as if odd sizes were rounded down. They are rounded up: 257 pixels become 129.",
        ),
        (always_32, "You use 32 whatever `stride` is. A network of total stride 16 has steps of 16 pixels."),
        (always_the_next, "Right between the multiples only. At a multiple the step ends: 224 gives 224."),
        (nearest_of_all, "You take the nearest multiple. It can lie below the image, on another step."),
    ],
    hint="Halving five times, rounding up each time, is dividing by 32 and rounding up once.",
)
def largest_in_step(resolution: int, stride: int = 32) -> int:
    """Largest resolution whose last feature map is as large as that of ``resolution``, in pixels."""
    return math.ceil(resolution / stride) * stride


# 4. the resolution that a budget buys


def by_the_square_law(name, macs):
    arch = get_arch(name)
    return int(arch.resolution * math.sqrt(macs / cost_of(arch).macs))


def first_too_large(name, macs):
    return resolution_for_budget(name, macs) + 1


def below_the_budget(name, macs):
    return resolution_for_budget(name, macs - 1)


def in_steps_of_32(name, macs):
    return resolution_for_budget(name, macs) // 32 * 32


def for_flops(name, macs):
    return resolution_for_budget(name, macs / 2)


@exercise(
    title="The largest resolution that a budget of MACs buys",
    cases=[
        ("efficientnet_b0", 1e9),
        ("efficientnet_b0", 400e6),
        ("efficientnet_b2", 1e9),
        ("efficientnet_b7", 10e9),
        ("efficientnet_lite4", 4e9),
        ("efficientnet_b0", 385_814_752),
        ("efficientnet_b7", 1e6),
    ],
    wrong=[
        (
            by_the_square_law,
            "You use the law MACs ~ r². Odd sizes are rounded up, so the law is off by a few pixels: "
            "count with `cost_of`.",
        ),
        (first_too_large, "One pixel too many: that one costs more than the budget."),
        (
            below_the_budget,
            "You ask for less than the budget. A network that costs exactly the budget keeps it.",
        ),
        (in_steps_of_32, "You look at multiples of 32 only. Early layers step more finely."),
        (for_flops, "You halve the budget, as for FLOPs. Budget and `cost_of` are both in MACs."),
    ],
    hint="MACs never fall when the resolution grows. Find one resolution that fits and one that does not, "
    "then halve the interval between them until they are neighbours.",
)
def resolution_for_budget(name: str, macs: float) -> int:
    """Largest resolution in pixels at which the network costs at most ``macs``; ValueError if none does."""
    arch = get_arch(name)
    fits = arch.total_stride  # no smaller image can be taken
    if cost_of(arch, fits).macs > macs:
        raise ValueError(f"macs must be at least {cost_of(arch, fits).macs}, got {macs}")
    too_large = 2 * fits
    while cost_of(arch, too_large).macs <= macs:
        too_large *= 2
    while too_large - fits > 1:
        middle = (fits + too_large) // 2
        if cost_of(arch, middle).macs <= macs:
            fits = middle
        else:
            too_large = middle
    return fits


# 5. the largest phi


def by_the_formula(max_params, max_macs):
    base = cost_of(get_arch("efficientnet_b0"))
    if base.params > max_params or base.macs > max_macs:
        raise ValueError("too little for B0")
    return math.floor(10 * math.log(max_macs / base.macs) / math.log(1.2 * 1.1**2 * 1.15**2)) / 10


def by_macs_alone(max_params, max_macs):
    return largest_phi(math.inf, max_macs)


def by_params_alone(max_params, max_macs):
    return largest_phi(max_params, math.inf)


def one_step_beyond(max_params, max_macs):
    return round(largest_phi(max_params, max_macs) + 0.1, 1)


@exercise(
    title="The largest network within two budgets",
    cases=[(10e6, 1e9), (20e6, 2e9), (9e6, 4e9), (20e6, 2.4e9), (5.3e6, 0.39e9), (5e6, 1e9), (6e6, 0.3e9)],
    wrong=[
        (
            by_the_formula,
            "You solve (αβ²γ²)^φ = budget. The formula does not round blocks up, so the network that it "
            "promises costs more than it says: build it and count.",
        ),
        (by_macs_alone, "The MACs fit, the parameters need not: both budgets hold."),
        (by_params_alone, "The parameters fit, the MACs need not: both budgets hold."),
        (one_step_beyond, "That is the first φ that no longer fits. The last one that does is wanted."),
    ],
    hint="Go through φ = 0, 0.1, 0.2, … (`tenths / 10`), build `compound_scale(B0, phi)`, and stop at the "
    "first that breaks a budget.",
)
def largest_phi(max_params: float, max_macs: float) -> float:
    """Largest phi of 0, 0.1, …, 8 whose network keeps both budgets; ValueError if B0 itself does not."""
    found = None
    for tenths in range(81):
        cost = cost_of(compound_scale(get_arch("efficientnet_b0"), tenths / 10))
        if cost.params > max_params or cost.macs > max_macs:
            break
        found = tenths / 10
    if found is None:
        raise ValueError(f"B0 alone takes more than {max_params} parameters or {max_macs} MACs")
    return found


# 6. a fair comparison


def by_the_laws(name, macs):
    ratio = macs / cost_of(get_arch(name)).macs
    return {
        "depth": round(ratio, 1),
        "width": round(math.sqrt(ratio), 1),
        "resolution": round(math.sqrt(ratio), 1),
    }


def never_above(name, macs):
    arch, found = get_arch(name), {}
    for knob in ("depth", "width", "resolution"):
        fitting = [i / 10 for i in range(10, 31) if cost_of(scale(arch, **{knob: i / 10})).macs <= macs]
        found[knob] = max(fitting)
    return found


def first_above(name, macs):
    arch, found = get_arch(name), {}
    for knob in ("depth", "width", "resolution"):
        enough = [i / 10 for i in range(10, 31) if cost_of(scale(arch, **{knob: i / 10})).macs >= macs]
        found[knob] = min(enough)
    return found


def last_of_equals(name, macs):
    arch, found = get_arch(name), {}
    for knob in ("depth", "width", "resolution"):
        gaps = {i / 10: abs(cost_of(scale(arch, **{knob: i / 10})).macs - macs) for i in range(10, 31)}
        found[knob] = max(m for m, gap in gaps.items() if gap == min(gaps.values()))
    return found


@exercise(
    title="A fair comparison: three networks of one cost",
    cases=[("efficientnet_lite0", 1e9), ("efficientnet_v2_s", 12e9), ("efficientnet_b0", 500e6)],
    wrong=[
        (by_the_laws, "You trust the laws d, w², r². Rounding moves the cost: build and count."),
        (first_above, "You take the first that reaches the target. The one before may be closer to it."),
        (never_above, "You stay below the target. The closest is wanted, and it may lie a little above."),
        (last_of_equals, "Several multipliers give the same network. The smallest of them is wanted."),
    ],
    hint="For one knob: `min(candidates, key=...)` with the distance of the MACs to the target. "
    "`scale(arch, **{knob: multiplier})` sets the knob whose name is in `knob`; `min` keeps the first of "
    "equals.",
)
def fair_comparison(name: str, macs: float) -> dict[str, float]:
    """For every knob alone, the multiplier of 1.0, 1.1, …, 3.0 that comes closest to ``macs``."""
    arch = get_arch(name)
    candidates = [tenths / 10 for tenths in range(10, 31)]
    found = {}
    for knob in ("depth", "width", "resolution"):

        def distance(multiplier, knob=knob):
            return abs(cost_of(scale(arch, **{knob: multiplier})).macs - macs)

        found[knob] = min(candidates, key=distance)
    return found

"""Exercises of chapter 6: training, and what its numbers can bear."""

import math
from statistics import fmean, stdev

from effnet_lib.exercises import case, exercise

# 1. the interval of an accuracy


def plain_interval(right, n, z=1.96):
    p = right / n
    half = z * math.sqrt(p * (1 - p) / n)
    return p - half, p + half


def not_moved(right, n, z=1.96):
    p = right / n
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return p - half, p + half


def not_rooted(right, n, z=1.96):
    p = right / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * (p * (1 - p) / n + z * z / (4 * n * n))
    return middle - half, middle + half


def not_shrunk(right, n, z=1.96):
    p = right / n
    middle = p + z * z / (2 * n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return middle - half, middle + half


@exercise(
    title="The Wilson interval of an accuracy",
    cases=[(70, 100), (2580, 4000), (0, 20), (20, 20), (3, 5), case(9, 10, z=2.576)],
    wrong=[
        (plain_interval, "That is p ± z·√(p(1−p)/n). With 20 right of 20 it has no width at all."),
        (not_moved, "The width is right. The middle is not p: it is pulled a little towards one half."),
        (not_rooted, "You add variances and never take the root: a half width is in units of p."),
        (not_shrunk, "Both middle and half width are divided by 1 + z²/n."),
    ],
    hint="The middle is (p + z²/2n) / (1 + z²/n), the half width z·√(p(1−p)/n + z²/4n²) / (1 + z²/n).",
)
def wilson(right: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Ends of the Wilson interval of ``right`` out of ``n``."""
    p, shrink = right / n, 1 + z * z / n
    middle = (p + z * z / (2 * n)) / shrink
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / shrink
    return middle - half, middle + half


# 2. the learning rate


def without_warm_up(step, total, peak, rising):
    return peak * 0.5 * (1 + math.cos(math.pi * step / total))


def first_step_stands_still(step, total, peak, rising):
    if step < rising:
        return peak * step / rising
    return learning_rate(step, total, peak, rising)


def cosine_of_the_whole_run(step, total, peak, rising):
    if step < rising:
        return peak * (step + 1) / rising
    return peak * 0.5 * (1 + math.cos(math.pi * step / total))


def whole_period(step, total, peak, rising):
    if step < rising:
        return peak * (step + 1) / rising
    return peak * 0.5 * (1 + math.cos(2 * math.pi * (step - rising) / (total - rising)))


def straight_down(step, total, peak, rising):
    if step < rising:
        return peak * (step + 1) / rising
    return peak * (total - step) / (total - rising)


@exercise(
    title="Warm-up and cosine",
    cases=[(0, 100, 0.016, 20), (19, 100, 0.016, 20), (20, 100, 0.016, 20), (50, 100, 0.016, 20),
           (99, 100, 0.016, 20), (5, 10, 1.0, 0), (3, 40, 0.1, 8)],
    wrong=[
        (without_warm_up, "The rate starts at its peak. The first `rising` steps climb to it."),
        (first_step_stands_still, "Step 0 gets a rate of 0 and learns nothing: count steps from 1 here."),
        (cosine_of_the_whole_run, "The rate jumps after the warm-up: the cosine begins there, not at step 0."),
        (whole_period, "A whole period comes up again. From peak to 0 is half a period: π, not 2π."),
        (straight_down, "You go down in a straight line; a cosine is flat at both ends."),
    ],
    hint="Two cases. While step < rising: (step + 1) / rising of the peak. Then half a cosine over the "
    "steps that are left.",
)  # fmt: skip
def learning_rate(step: int, total: int, peak: float, rising: int) -> float:
    """Rate of ``step`` (from 0) of ``total``: linear to ``peak`` in ``rising`` steps, then a half cosine."""
    if step < rising:
        return peak * (step + 1) / rising
    return peak * 0.5 * (1 + math.cos(math.pi * (step - rising) / (total - rising)))


# 3. a stratified split


def first_of_all(labels, fraction):
    return list(range(round(fraction * len(labels))))


def rare_classes_left_out(labels, fraction):
    chosen = []
    for one in set(labels):
        places = [i for i, label in enumerate(labels) if label == one]
        chosen += places[: round(fraction * len(places))]
    return sorted(chosen)


def as_many_of_each(labels, fraction):
    kinds = set(labels)
    each = max(1, round(fraction * len(labels) / len(kinds)))
    chosen = []
    for one in kinds:
        chosen += [i for i, label in enumerate(labels) if label == one][:each]
    return sorted(chosen)


def what_is_left(labels, fraction):
    chosen = set(validation_indices(labels, fraction))
    return [i for i in range(len(labels)) if i not in chosen]


def class_by_class(labels, fraction):
    chosen = []
    for one in sorted(set(labels)):
        places = [i for i, label in enumerate(labels) if label == one]
        chosen += places[: max(1, round(fraction * len(places)))]
    return chosen


@exercise(
    title="Choose a stratified validation split",
    cases=[
        ([0, 1] * 10, 0.2),
        ([1] * 12 + [0] * 4, 0.25),
        ([2, 0, 1, 2, 2, 0, 2, 2, 2, 2, 0, 2], 0.3),
        ([0] * 30 + [1], 0.1),
        ([3, 1, 3, 1, 1, 1, 3, 1, 1, 1], 0.5),
    ],
    wrong=[
        (first_of_all, "You take the first images whatever they show; if files are sorted by class, that "
         "is one class."),
        (rare_classes_left_out, "A class of one image gets none: a class that is never validated. At least one."),
        (as_many_of_each, "You take equally many of each class. The split keeps the classes' proportions."),
        (what_is_left, "Those are the images that stay for training. The others are wanted."),
        (class_by_class, "The right images, but in order of class: sort the indices."),
    ],
    hint="For each class: the places where it occurs, of those the first max(1, round(fraction * count)). "
    "Sort all of them at the end.",
)  # fmt: skip
def validation_indices(labels: list[int], fraction: float) -> list[int]:
    """Sorted indices: of every class the first ``fraction`` of its images, rounded, at least one."""
    chosen = []
    for one in set(labels):
        places = [i for i, label in enumerate(labels) if label == one]
        chosen += places[: max(1, round(fraction * len(places)))]
    return sorted(chosen)


# 4. calibration


def _bins(confidence, right, bins):
    groups = [[] for _ in range(bins)]
    for c, r in zip(confidence, right, strict=True):
        groups[min(bins - 1, int(c * bins))].append((c, r))
    return [(len(g), fmean(c for c, _ in g), fmean(float(r) for _, r in g)) for g in groups if g]


def bins_count_alike(confidence, right, bins=10):
    return fmean(abs(c - r) for _, c, r in _bins(confidence, right, bins))


def signed(confidence, right, bins=10):
    return sum(n * (c - r) for n, c, r in _bins(confidence, right, bins)) / len(right)


def one_bin(confidence, right, bins=10):
    return abs(fmean(confidence) - fmean(map(float, right)))


def image_by_image(confidence, right, bins=10):
    return fmean(abs(c - float(r)) for c, r in zip(confidence, right, strict=True))


def largest_gap(confidence, right, bins=10):
    return max(abs(c - r) for _, c, r in _bins(confidence, right, bins))


@exercise(
    title="Expected calibration error",
    cases=[
        ([0.95, 0.92, 0.91, 0.45], [True, True, False, True]),
        ([0.85, 0.82, 0.55, 0.51, 0.58, 0.35], [True, False, True, True, True, False]),
        case([0.9, 0.3, 0.4, 0.6, 0.8], [True, False, True, False, False], bins=2),
        ([1.0, 0.99], [True, True]),
    ],
    wrong=[
        (
            bins_count_alike,
            "A bin with one image weighs as much as one with a thousand: weigh by their number.",
        ),
        (signed, "Too sure in one bin and too modest in another cancel: take absolute gaps."),
        (one_bin, "That is one bin for everything. Compare within each bin."),
        (image_by_image, "An image is right or wrong, never 80 % right: average within a bin, then compare."),
        (largest_gap, "That is the maximum calibration error; the *expected* one averages over images."),
    ],
    hint="Put image i into bin min(bins - 1, int(confidence[i] * bins)). For each bin: number of images × "
    "|mean confidence − share of right ones|. Add up, divide by all images.",
)
def calibration_error(confidence: list[float], right: list[bool], bins: int = 10) -> float:
    """Mean gap between confidence and accuracy over ``bins`` intervals of equal width."""
    total = 0.0
    for b in range(bins):
        inside = [i for i, c in enumerate(confidence) if min(bins - 1, int(c * bins)) == b]
        if inside:
            gap = fmean(confidence[i] for i in inside) - fmean(float(right[i]) for i in inside)
            total += len(inside) * abs(gap)
    return total / len(right)


# 5. the error of a paired difference


def as_if_unpaired(first, second):
    a, b, n = fmean(first), fmean(second), len(first)
    return math.sqrt(a * (1 - a) / n + b * (1 - b) / n)


def spread_not_error(first, second):
    return stdev(float(a) - float(b) for a, b in zip(first, second, strict=True))


def divided_by_n(first, second):
    return stdev(float(a) - float(b) for a, b in zip(first, second, strict=True)) / len(first)


def disagreements_alone(first, second):
    n = len(first)
    return math.sqrt(sum(a != b for a, b in zip(first, second, strict=True))) / n


@exercise(
    title="The standard error of a difference on the same images",
    cases=[
        ([1, 1, 0, 0, 1, 1, 0, 1, 1, 1], [1, 0, 0, 0, 1, 1, 0, 1, 1, 0]),
        ([1, 0, 1, 0, 1, 1], [0, 1, 1, 0, 1, 0]),
        ([1] * 60 + [0] * 40, [1] * 55 + [0] * 45),
    ],
    wrong=[
        (as_if_unpaired, "You add two binomial variances, as if the networks had seen different images."),
        (spread_not_error, "That is the spread of one image's difference. The mean of n has 1/√n of it."),
        (divided_by_n, "The error of a mean falls with √n, not with n."),
        (disagreements_alone, "Almost: that takes the mean difference to be 0. Subtract it (`stdev` does)."),
    ],
    hint="Make a list of differences, one an image: −1, 0 or 1. The error of its mean is stdev / √n.",
)
def paired_error(first: list[int], second: list[int]) -> float:
    """Standard error of mean(first) − mean(second); 1 is right and 0 wrong, image by image."""
    differences = [a - b for a, b in zip(first, second, strict=True)]
    return stdev(differences) / math.sqrt(len(differences))


# 6. how many seeds


def one_noisy_mean(difference, spread, power_z=0.8416, level_z=1.96):
    return math.ceil((level_z + power_z) ** 2 * spread**2 / difference**2)


def a_coin_flip_of_power(difference, spread, power_z=0.8416, level_z=1.96):
    return math.ceil(2 * level_z**2 * spread**2 / difference**2)


def not_squared(difference, spread, power_z=0.8416, level_z=1.96):
    return math.ceil(2 * (level_z + power_z) * spread / difference)


def squared_apart(difference, spread, power_z=0.8416, level_z=1.96):
    return math.ceil(2 * (level_z**2 + power_z**2) * spread**2 / difference**2)


def rounded_down(difference, spread, power_z=0.8416, level_z=1.96):
    return int(2 * (level_z + power_z) ** 2 * spread**2 / difference**2)


@exercise(
    title="Seeds needed to see a difference",
    cases=[(2.0, 3.0), (1.0, 0.5), (0.02, 0.03), (5.0, 3.0), case(2.0, 3.0, power_z=1.2816), (0.5, 2.0)],
    wrong=[
        (one_noisy_mean, "Both recipes have a spread: the variance of the difference is twice σ²/k."),
        (
            a_coin_flip_of_power,
            "Then a real difference is found in every second attempt only: add `power_z`.",
        ),
        (not_squared, "Half the difference takes four times the seeds: square it all."),
        (squared_apart, "The two z add up before they are squared."),
        (rounded_down, "Rounded down the power is a little too small: round up."),
    ],
    hint="The standard error of the difference is σ·√(2/k). It must be the difference divided by "
    "(level_z + power_z). Solve for k and round up.",
)
def seeds_needed(difference: float, spread: float, power_z: float = 0.8416, level_z: float = 1.96) -> int:
    """Seeds for each of two recipes whose accuracies have standard deviation ``spread`` over seeds."""
    return math.ceil(2 * ((level_z + power_z) * spread / difference) ** 2)

"""Exercises of chapter 13: soft answers, how far two of them are apart, and a comparison over seeds."""

import math
from statistics import fmean, pstdev, stdev

from effnet_lib.exercises import Tolerance, case, exercise

# 1. soft answers


def soften_upside_down(logits, temperature):
    return soften(logits, 1 / temperature)


def soften_without_normalising(logits, temperature):
    return [p / temperature for p in soften(logits, 1)]


def soften_not_at_all(logits, temperature):
    return soften(logits, 1)


def soften_and_overflow(logits, temperature):
    powers = [math.exp(z / temperature) for z in logits]
    return [p / sum(powers) for p in powers]


@exercise(
    title="Soft answers at a temperature",
    cases=[
        ([4.0, 2.0, 0.0], 2.0),
        ([4.0, 2.0, 0.0], 1.0),
        ([-1.0, 3.0, 0.5, 2.5], 4.0),
        ([1.0, 0.0], 0.5),
        ([2000.0, 1998.0, 0.0], 2.0),
    ],
    wrong=[
        (
            soften_upside_down,
            "You multiply by the temperature. That sharpens: logits are *divided* by it, which brings "
            "them closer together.",
        ),
        (
            soften_without_normalising,
            "You divide the probabilities. They no longer sum to 1, and their ratios have not changed: "
            "divide the logits.",
        ),
        (soften_not_at_all, "The temperature does nothing in your answer."),
        (
            soften_and_overflow,
            "Right, until a logit is large: then exp overflows. Subtract the largest logit from all of them first; that "
            "changes no probability.",
        ),
    ],
    hint="Divide the logits by T, subtract the largest, take exp, divide by the sum.",
)
def soften(logits: list[float], temperature: float) -> list[float]:
    """Softmax of the logits divided by ``temperature``."""
    highest = max(logits)
    powers = [math.exp((z - highest) / temperature) for z in logits]
    return [p / sum(powers) for p in powers]


# 2. how far apart


def divergence_the_other_way(teacher, student):
    return divergence(student, teacher)


def divergence_of_everything(teacher, student):
    return divergence(teacher, student) / len(teacher[0])


def divergence_summed(teacher, student):
    return divergence(teacher, student) * len(teacher)


def cross_entropy_only(teacher, student):
    return fmean(
        -sum(p * math.log(q) for p, q in zip(t, s, strict=True))
        for t, s in zip(teacher, student, strict=True)
    )


def divergence_in_bits(teacher, student):
    return divergence(teacher, student) / math.log(2)


def squared_distance(teacher, student):
    return fmean(
        sum((p - q) ** 2 for p, q in zip(t, s, strict=True)) for t, s in zip(teacher, student, strict=True)
    )


@exercise(
    title="The divergence of a student's answers from a teacher's",
    cases=[
        ([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]], [[0.5, 0.3, 0.2], [0.2, 0.3, 0.5]]),
        ([[0.5, 0.5], [0.9, 0.1], [0.2, 0.8]], [[0.6, 0.4], [0.5, 0.5], [0.1, 0.9]]),
        ([[0.25, 0.25, 0.5]], [[0.25, 0.25, 0.5]]),
        ([[1.0, 0.0, 0.0]], [[0.5, 0.3, 0.2]]),
    ],
    wrong=[
        (
            divergence_the_other_way,
            "You weight by the student's probabilities. The teacher's decide what counts: the sum of "
            "p·log(p/q) with p the "
            "teacher's.",
        ),
        (
            divergence_of_everything,
            "You average over the classes as well, as PyTorch's `reduction='mean'` does: too small by "
            "the number of classes. "
            "Sum over classes, average over images.",
        ),
        (divergence_summed, "You add up the images. The mean over the images is wanted."),
        (
            cross_entropy_only,
            "That is the cross-entropy. It has the same gradient, but is not 0 when both agree: subtract "
            "the teacher's own "
            "entropy.",
        ),
        (divergence_in_bits, "You take logarithms to base 2. Nats are wanted: `math.log`."),
        (
            squared_distance,
            "That is a squared distance of probabilities. The divergence compares logarithms.",
        ),
    ],
    hint="For each image the sum over classes of p·(log p − log q), where p = 0 counts 0; then the mean over images.",
)
def divergence(teacher: list[list[float]], student: list[list[float]]) -> float:
    """Mean over images of KL(teacher || student), in nats."""
    return fmean(
        sum(p * math.log(p / q) for p, q in zip(t, s, strict=True) if p > 0)
        for t, s in zip(teacher, student, strict=True)
    )


# 3. the whole loss of one image


def _soft(student, teacher, temperature):
    return divergence([soften(teacher, temperature)], [soften(student, temperature)])


def _hard(student, label):
    return -math.log(soften(student, 1)[label])


def loss_without_t2(student, teacher, label, temperature, alpha):
    return alpha * _soft(student, teacher, temperature) + (1 - alpha) * _hard(student, label)


def loss_with_t(student, teacher, label, temperature, alpha):
    return alpha * temperature * _soft(student, teacher, temperature) + (1 - alpha) * _hard(student, label)


def loss_with_all_times_t2(student, teacher, label, temperature, alpha):
    return temperature**2 * loss_without_t2(student, teacher, label, temperature, alpha)


def loss_with_shares_exchanged(student, teacher, label, temperature, alpha):
    return loss(student, teacher, label, temperature, 1 - alpha)


def loss_with_soft_labels(student, teacher, label, temperature, alpha):
    hard = -math.log(soften(student, temperature)[label])
    return alpha * temperature**2 * _soft(student, teacher, temperature) + (1 - alpha) * hard


def loss_with_a_soft_teacher_only(student, teacher, label, temperature, alpha):
    soft = divergence([soften(teacher, temperature)], [soften(student, 1)])
    return alpha * temperature**2 * soft + (1 - alpha) * _hard(student, label)


@exercise(
    title="The distillation loss of one image",
    cases=[
        ([2.0, 1.0, 0.0], [4.0, 3.0, 0.0], 0, 4.0, 0.5),
        ([2.0, 1.0, 0.0], [4.0, 3.0, 0.0], 1, 2.0, 0.9),
        ([0.0, 0.0, 1.0, 2.0], [1.0, 0.0, 5.0, 3.0], 2, 8.0, 0.3),
        ([0.5, 1.5], [0.5, 1.5], 1, 3.0, 0.25),
        ([0.5, 1.0], [2.0, -1.0], 0, 1.0, 1.0),
    ],
    wrong=[
        (loss_without_t2, "T² is missing before the soft part: the hotter, the less your teacher would count."),
        (loss_with_t, "You multiply by T. Softening divides the gradient by T twice: T²."),
        (
            loss_with_all_times_t2,
            "You multiply both parts by T². The labels are not softened, so only "
            "the soft part needs it.",
        ),
        (
            loss_with_shares_exchanged,
            "α is the teacher's share, 1 − α that of the label. You have them "
            "the other way round.",
        ),
        (
            loss_with_soft_labels,
            "You soften the student for the label, too. The cross-entropy with the "
            "label is at T = 1.",
        ),
        (
            loss_with_a_soft_teacher_only,
            "You soften only the teacher. Compared with a student at T = 1, it would make the student "
            "vague for good: both at "
            "T.",
        ),
    ],
    hint="α · T² · divergence of the softened answers + (1 − α) · (−log of the student's probability of "
    "the label at T = 1). "
    "Your functions of exercises 1 and 2 do the work.",
)  # fmt: skip
def loss(student: list[float], teacher: list[float], label: int, temperature: float, alpha: float) -> float:
    """alpha · T² · KL(teacher || student) at T, plus (1 − alpha) · cross-entropy with ``label``, from logits."""
    soft = divergence([soften(teacher, temperature)], [soften(student, temperature)])
    hard = -math.log(soften(student, 1)[label])
    return alpha * temperature**2 * soft + (1 - alpha) * hard


# 4. its gradient


def gradient_without_t2(student, teacher, temperature):
    return [g / temperature**2 for g in gradient(student, teacher, temperature)]


def gradient_turned_round(student, teacher, temperature):
    return [-g for g in gradient(student, teacher, temperature)]


def gradient_times_t2(student, teacher, temperature):
    return [g * temperature for g in gradient(student, teacher, temperature)]


def gradient_of_no_temperature(student, teacher, temperature):
    return gradient(student, teacher, 1)


def gradient_of_logits(student, teacher, temperature):
    return [(z - v) / len(student) for z, v in zip(student, teacher, strict=True)]


@exercise(
    title="The gradient of the soft part, by hand",
    cases=[
        ([2.0, 1.0, 0.0], [4.0, 3.0, 0.0], 4.0),
        ([2.0, 1.0, 0.0], [4.0, 3.0, 0.0], 1.0),
        ([0.0, 0.0, 1.0, 2.0], [1.0, 0.0, 5.0, 3.0], 2.0),
        ([0.5, 1.5], [1.5, 2.5], 3.0),
        ([1.0, 0.0], [0.0, 1.0], 20.0),
    ],
    wrong=[
        (
            gradient_without_t2,
            "That is the gradient without T². One T of it is cancelled by the chain rule, the other is left.",
        ),
        (
            gradient_turned_round,
            "The sign is turned round: where the student says too much, the gradient is positive.",
        ),
        (
            gradient_times_t2,
            "You have T² before the difference. The chain rule through z/T takes one T away again.",
        ),
        (gradient_of_no_temperature, "Both probabilities are softened: at T, not at 1."),
        (
            gradient_of_logits,
            "That is the limit of a high temperature (and only for logits with the same mean). At finite "
            "T probabilities are "
            "compared.",
        ),
    ],
    hint="Without a temperature the gradient of a cross-entropy is q − p. Now each logit enters as z/T, "
    "which gives a factor "
    "1/T, and the loss carries T².",
)
def gradient(student: list[float], teacher: list[float], temperature: float) -> list[float]:
    """Derivative of T² · KL(teacher || student) at T with respect to the student's logits, one image."""
    p, q = soften(teacher, temperature), soften(student, temperature)
    return [temperature * (b - a) for a, b in zip(p, q, strict=True)]


# 5. a teacher without knowledge


def smoothed_over_the_others(label, classes, epsilon):
    return [1 - epsilon if k == label else epsilon / (classes - 1) for k in range(classes)]


def smoothed_and_too_little(label, classes, epsilon):
    return [1 - epsilon if k == label else epsilon / classes for k in range(classes)]


def smoothed_counted_from_one(label, classes, epsilon):
    return virtual_teacher(label - 1, classes, epsilon)


def smoothed_by_the_rest(label, classes, epsilon):
    return virtual_teacher(label, classes, 1 - epsilon)


def the_label_itself(label, classes, epsilon):
    return [float(k == label) for k in range(classes)]


@exercise(
    title="The teacher that label smoothing is",
    cases=[(0, 4, 0.1), (2, 5, 0.2), (39, 40, 0.1), case(1, 2, epsilon=0.5), (3, 10, 0.0)],
    wrong=[
        (
            smoothed_over_the_others,
            "You share ε among the *other* classes. PyTorch (and the paper) mix with the uniform distribution over all "
            "classes, the right one included.",
        ),
        (
            smoothed_and_too_little,
            "Your probabilities do not sum to 1: the right class gets its part of ε as well.",
        ),
        (smoothed_counted_from_one, "Labels are counted from 0."),
        (smoothed_by_the_rest, "You have ε and 1 − ε exchanged: ε is what is taken away from the label."),
        (the_label_itself, "That is the label as it is: mix it with ε of the uniform distribution."),
    ],
    hint="(1 − ε) times the label's one-hot vector plus ε times the uniform distribution over all classes.",
)
def virtual_teacher(label: int, classes: int, epsilon: float) -> list[float]:
    """The answer for which training at T = 1, alpha = 1 is cross-entropy with smoothed labels."""
    return [(1 - epsilon) * (k == label) + epsilon / classes for k in range(classes)]


# 6. paired over seeds


def as_two_samples(taught, plain, t):
    a, b = list(taught.values()), list(plain.values())
    half = t * math.sqrt(stdev(a) ** 2 / len(a) + stdev(b) ** 2 / len(b))
    middle = fmean(a) - fmean(b)
    return middle, middle - half, middle + half


def paired_by_place(taught, plain, t):
    gaps = [a - b for a, b in zip(taught.values(), plain.values(), strict=False)]
    return _interval(gaps, t)


def paired_as_a_population(taught, plain, t):
    gaps = _gaps(taught, plain)
    half = t * pstdev(gaps) / math.sqrt(len(gaps))
    return fmean(gaps), fmean(gaps) - half, fmean(gaps) + half


def spread_of_one_pair(taught, plain, t):
    gaps = _gaps(taught, plain)
    half = t * stdev(gaps)
    return fmean(gaps), fmean(gaps) - half, fmean(gaps) + half


def paired_the_other_way(taught, plain, t):
    return paired_interval(plain, taught, t)


def _gaps(taught, plain):
    return [taught[seed] - plain[seed] for seed in sorted(taught) if seed in plain]


def _interval(gaps, t):
    half = t * stdev(gaps) / math.sqrt(len(gaps))
    return fmean(gaps), fmean(gaps) - half, fmean(gaps) + half


_TAUGHT = {0: 0.83, 1: 0.86, 2: 0.81, 3: 0.85}
_PLAIN = {2: 0.78, 0: 0.81, 3: 0.84, 1: 0.85}


@exercise(
    title="A gain, paired over seeds",
    cases=[
        (_TAUGHT, _PLAIN, 3.18),
        ({5: 0.9, 6: 0.7, 7: 0.8}, {7: 0.79, 5: 0.86, 6: 0.71}, 4.3),
        ({0: 0.5, 1: 0.6, 2: 0.75, 9: 0.99}, {2: 0.7, 1: 0.58, 0: 0.49}, 4.3),
    ],
    tolerance=Tolerance(1e-9, 1e-12, "the order in which a sum is added up"),
    wrong=[
        (
            as_two_samples,
            "You treat them as two unrelated samples. The runs of one seed share their first weights and "
            "the order of images: "
            "subtract first, seed by seed.",
        ),
        (paired_by_place, "You pair by place. The two dicts are in different orders: pair by *seed*."),
        (paired_as_a_population, "Your deviation divides by n. The seeds are a sample: `statistics.stdev`."),
        (spread_of_one_pair, "That is the spread of a single difference. The error of their *mean* is smaller by √n."),
        (paired_the_other_way, "The sign is turned round: taught minus plain."),
    ],
    hint="Make a list of the differences for the seeds that both have. The mean, minus and plus "
    "t · stdev / √n of that list.",
)  # fmt: skip
def paired_interval(
    taught: dict[int, float], plain: dict[int, float], t: float
) -> tuple[float, float, float]:
    """Mean difference over the seeds that both have, and its interval: ``t`` standard errors to either side."""
    gaps = [taught[seed] - plain[seed] for seed in taught if seed in plain]
    half = t * stdev(gaps) / math.sqrt(len(gaps))
    return fmean(gaps), fmean(gaps) - half, fmean(gaps) + half

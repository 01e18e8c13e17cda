"""Exercises of chapter 9: neighbours, tournaments, age, and the two numbers that NSGA-II sorts by."""

import math
from itertools import product

from effnet_lib.exercises import exercise

# 1. neighbours


def itself_too(genotype, sizes):
    return [genotype, *neighbours(genotype, sizes)]


def one_step_up_or_down(genotype, sizes):
    def steps(child):
        return sum(abs(a - b) for a, b in zip(child, genotype, strict=True))

    return [child for child in neighbours(genotype, sizes) if steps(child) == 1]


def one_for_every_place(genotype, sizes):
    return [(*genotype[:d], (genotype[d] + 1) % size, *genotype[d + 1 :]) for d, size in enumerate(sizes) if size > 1]


def everything_else(genotype, sizes):
    return [child for child in product(*map(range, sizes)) if child != genotype]


def changes_that_add_up(genotype, sizes):
    found, child = [], list(genotype)
    for d, size in enumerate(sizes):
        for option in range(size):
            if option != genotype[d]:
                child[d] = option
                found.append(tuple(child))
    return found


@exercise(
    title="All networks that differ from one in exactly one choice",
    cases=[((0, 1), (2, 3)), ((2, 0, 1), (3, 2, 4)), ((0, 0, 0), (2, 1, 2)), ((1, 1), (2, 2)), ((3,), (5,))],
    wrong=[
        (itself_too, "The network itself is in your list. It differs from itself in no choice."),
        (
            one_step_up_or_down,
            "You only go one option up or down. Options have no order here: every other one is one change.",
        ),
        (
            one_for_every_place,
            "You take one other option a choice. With three options there are two others, and both are neighbours.",
        ),
        (everything_else, "You change several choices at once. Neighbours differ in exactly one."),
        (
            changes_that_add_up,
            "You do not undo a change before the next, so later children differ in several choices. Start every "
            "child from `genotype`.",
        ),
    ],
    hint="Two loops: over the places, and over the options of that place. Skip the option that is there.",
)
def neighbours(genotype: tuple[int, ...], sizes: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Neighbours of ``genotype``, in order of place and option; ``sizes`` says how many options a place has."""
    return [
        (*genotype[:d], option, *genotype[d + 1 :])
        for d, size in enumerate(sizes)
        for option in range(size)
        if option != genotype[d]
    ]


# 2. local optima


def optima_with_ties(values, near):
    return [i for i, value in enumerate(values) if all(value >= values[j] for j in near[i])]


def the_global_one(values, near):
    return [i for i, value in enumerate(values) if value == max(values)]


def above_some_neighbour(values, near):
    return [i for i, value in enumerate(values) if any(value > values[j] for j in near[i])]


def above_their_average(values, near):
    return [i for i, value in enumerate(values) if value > sum(values[j] for j in near[i]) / len(near[i])]


def the_valleys(values, near):
    return [i for i, value in enumerate(values) if all(value < values[j] for j in near[i])]


_RING = [[1, 5], [0, 2], [1, 3], [2, 4], [3, 5], [4, 0]]


@exercise(
    title="Where a search that only goes uphill ends",
    cases=[
        ([0.5, 0.6, 0.4, 0.7, 0.3, 0.2], _RING),
        ([0.5, 0.7, 0.6, 0.7, 0.3, 0.2], _RING),
        ([0.1, 0.2, 0.3, 0.3, 0.2, 0.1], _RING),
        ([0.9, 0.1, 0.8, 0.2, 0.7, 0.3], _RING),
        ([0.4, 0.6, 0.5], [[1, 2], [0, 2], [0, 1]]),
    ],
    wrong=[
        (
            optima_with_ties,
            "You also count networks that are only as good as a neighbour. Strictly better than *all* is wanted.",
        ),
        (the_global_one, "You look for the best of all. A local optimum only has to beat its own neighbours."),
        (above_some_neighbour, "Better than *one* neighbour is easy. Better than *all* of them is wanted."),
        (above_their_average, "You compare with the average of the neighbours. One better neighbour is a way up."),
        (the_valleys, "You found the networks that are worse than all their neighbours."),
    ],
    hint="`all(...)` over the neighbours `near[i]` of every network `i`, with a strict comparison.",
)
def local_optima(values: list[float], near: list[list[int]]) -> list[int]:
    """Networks that are strictly better than all their neighbours; ``near[i]`` lists those of network i."""
    return [i for i, value in enumerate(values) if all(value > values[j] for j in near[i])]


# 3. tournaments


def drawn_without_replacement(population, tournament):
    draws = math.comb(population, tournament)
    return [math.comb(rank - 1, tournament - 1) / draws for rank in range(population, 0, -1)]


def worst_first(population, tournament):
    return winning_chances(population, tournament)[::-1]


def everybody_alike(population, tournament):
    return [1 / population] * population


def nobody_drawn_is_better(population, tournament):
    return [(rank / population) ** tournament for rank in range(population, 0, -1)]


def chance_to_be_drawn(population, tournament):
    return [1 - (1 - 1 / population) ** tournament] * population


@exercise(
    title="How often each member wins a tournament",
    cases=[(4, 1), (4, 2), (20, 5), (3, 3), (10, 4)],
    wrong=[
        (
            drawn_without_replacement,
            "You draw without replacement. A member may be drawn twice: with S = P even the worst wins now and then.",
        ),
        (worst_first, "The right numbers the wrong way round: the best comes first."),
        (everybody_alike, "All members are drawn alike, but the *best* of those drawn wins."),
        (
            nobody_drawn_is_better,
            "That is the chance that nobody better is drawn. The member itself has to be among those drawn: take "
            "away the chance that all of them are worse.",
        ),
        (
            chance_to_be_drawn,
            "That is the chance to be drawn at all. Being drawn is not winning: somebody better may be there too.",
        ),
    ],
    hint="The member that ranks r-th from the bottom wins if all drawn are at most r, but not all at most r − 1: a "
    "difference of two powers.",
)
def winning_chances(population: int, tournament: int) -> list[float]:
    """Chance of every member to win a tournament drawn with replacement, the best member first."""
    at_most = [(rank / population) ** tournament for rank in range(population + 1)]
    return [at_most[rank] - at_most[rank - 1] for rank in range(population, 0, -1)]


# 4. age


def the_worst_dies(members, child, population):
    after = members if child[1] is None else [*members, child]
    if len(after) <= population:
        return after
    worst = min(after, key=lambda member: member[1])
    return [member for member in after if member != worst]


def a_failure_counts_as_zero(members, child, population):
    return [*members, (child[0], child[1] or 0.0)][-population:]


def a_failure_still_takes_a_place(members, child, population):
    return members[1:] if child[1] is None and len(members) == population else after_birth(members, child, population)


def somebody_always_dies(members, child, population):
    return members if child[1] is None else [*members[1:], child]


def newest_first(members, child, population):
    return members if child[1] is None else [child, *members][:population]


def only_if_better_than_the_oldest(members, child, population):
    full = len(members) == population
    return members if child[1] is None or (full and child[1] <= members[0][1]) else [*members, child][-population:]


_POPULATION = [("a", 0.9), ("b", 0.2), ("c", 0.4)]


@exercise(
    title="The population after a birth",
    cases=[
        (_POPULATION, ("d", 0.5), 3),
        (_POPULATION, ("d", 0.1), 4),
        (_POPULATION, ("d", None), 3),
        (_POPULATION[:2], ("d", None), 3),
        (_POPULATION, ("d", 0.95), 3),
        ([], ("d", 0.3), 2),
    ],
    wrong=[
        (the_worst_dies, "You let the worst go. In regularized evolution the *oldest* goes, however good it is."),
        (
            a_failure_counts_as_zero,
            "You let a failed child in with the value 0, and it pushes out a network that was really trained. A "
            "failure leaves the population as it is.",
        ),
        (
            a_failure_still_takes_a_place,
            "After a failed child somebody dies all the same, and the population shrinks. Nobody was born.",
        ),
        (somebody_always_dies, "Somebody dies although there is still room. Only a full population loses its oldest."),
        (newest_first, "You put the child in front. The oldest comes first, the newest last."),
        (
            only_if_better_than_the_oldest,
            "You let the child in only if it beats the oldest. Age asks nobody how good they are.",
        ),
    ],
    hint="Three cases: the child failed; there is room; there is none. `[*members, child]` is a new list.",
)
def after_birth(
    members: list[tuple[str, float]], child: tuple[str, float | None], population: int
) -> list[tuple[str, float]]:
    """Members (name, value), oldest first, when ``child`` has been evaluated; its value is None if that failed."""
    if child[1] is None:
        return members
    return [*members, child][-population:]


# 5. ranks


def _beats(a, b):
    return a[0] <= b[0] and a[1] >= b[1] and a != b


def how_many_are_better(points):
    return [sum(_beats(other, point) for other in points) for point in points]


def beaten_in_both_only(points):
    return _peeled(points, lambda a, b: a[0] < b[0] and a[1] > b[1])


def dearer_is_better(points):
    return _peeled(points, lambda a, b: a[0] >= b[0] and a[1] >= b[1] and a != b)


def counted_from_one(points):
    return [rank + 1 for rank in ranks(points)]


def by_accuracy_alone(points):
    order = sorted({accuracy for _, accuracy in points}, reverse=True)
    return [order.index(accuracy) for _, accuracy in points]


def _peeled(points, beats):
    found, left, rank = [0] * len(points), set(range(len(points))), 0
    while left:
        front = {i for i in left if not any(beats(points[j], points[i]) for j in left)}
        for i in front:
            found[i] = rank
        left, rank = left - front, rank + 1
    return found


@exercise(
    title="Non-dominated ranks",
    cases=[
        ([(1, 0.6), (2, 0.8), (3, 0.7), (4, 0.9)],),
        ([(1, 0.9), (2, 0.8), (3, 0.7), (4, 0.6)],),
        ([(2, 0.8), (2, 0.8), (2, 0.7), (3, 0.8)],),
        ([(3, 0.9), (3, 0.5), (1, 0.5), (2, 0.7), (5, 0.4), (4, 0.9)],),
        ([(7, 0.3)],),
    ],
    wrong=[
        (
            how_many_are_better,
            "You count how many dominate a point. Its rank is how many *fronts* have to be taken away before it.",
        ),
        (
            beaten_in_both_only,
            "A point is also dominated by one that is equal in one objective and better in the other.",
        ),
        (dearer_is_better, "The first number is a cost: less of it is better."),
        (counted_from_one, "The front has rank 0."),
        (by_accuracy_alone, "You rank by accuracy alone. A cheap network of low accuracy can be on the front."),
    ],
    hint="Peel: those that nothing left dominates have rank 0. Take them away and do it again with rank 1. Equal points "
    "do not dominate each other.",
)
def ranks(points: list[tuple[float, float]]) -> list[int]:
    """Rank of every point (cost, accuracy): 0 on the front, 1 on the front without those, and so on."""

    def beaten(i, left):
        cost, accuracy = points[i]
        return any(points[j][0] <= cost and points[j][1] >= accuracy and points[j] != points[i] for j in left)

    found, left, rank = [0] * len(points), set(range(len(points))), 0
    while left:
        front = {i for i in left if not beaten(i, left)}
        for i in front:
            found[i] = rank
        left, rank = left - front, rank + 1
    return found


# 6. crowding


def _triples(order):
    return zip(order, order[1:], order[2:], strict=False)


def gaps_in_raw_units(points):
    return _crowding(points, lambda values: 1.0)


def ends_without_room(points):
    return [0.0 if math.isinf(d) else d for d in crowding(points)]


def in_the_order_given(points):
    last = len(points) - 1
    extent = [max(p[c] for p in points) - min(p[c] for p in points) for c in (0, 1)]
    return [
        math.inf if i in (0, last) else sum(abs(points[i + 1][c] - points[i - 1][c]) / extent[c] for c in (0, 1))
        for i in range(len(points))
    ]


def along_the_cost_only(points):
    order = sorted(range(len(points)), key=lambda i: points[i])
    extent = points[order[-1]][0] - points[order[0]][0]
    found = [math.inf] * len(points)
    for left, i, right in _triples(order):
        found[i] = (points[right][0] - points[left][0]) / extent
    return found


def to_the_next_only(points):
    order = sorted(range(len(points)), key=lambda i: points[i])
    extent = [max(p[c] for p in points) - min(p[c] for p in points) for c in (0, 1)]
    found = [math.inf] * len(points)
    for _, i, right in _triples(order):
        found[i] = sum(abs(points[right][c] - points[i][c]) / extent[c] for c in (0, 1))
    return found


def _crowding(points, extent):
    found = [0.0] * len(points)
    for column in (0, 1):
        values = [point[column] for point in points]
        order = sorted(range(len(points)), key=lambda i: values[i])
        found[order[0]] = found[order[-1]] = math.inf
        for left, i, right in _triples(order):
            found[i] += (values[right] - values[left]) / extent(values)
    return found


@exercise(
    title="Crowding distances along a front",
    cases=[
        ([(1, 0.5), (2, 0.7), (5, 0.9)],),
        ([(4, 0.80), (1, 0.50), (2, 0.75), (9, 0.90)],),
        ([(100, 0.60), (200, 0.70), (300, 0.75), (900, 0.80), (1000, 0.81)],),
        ([(2, 0.6), (1, 0.4)],),
    ],
    wrong=[
        (
            gaps_in_raw_units,
            "You add MACs and accuracies as they are, so the larger numbers decide alone. Divide each gap by the "
            "extent of the front in that objective.",
        ),
        (ends_without_room, "The two ends have infinity: they have nobody on one side and are always kept."),
        (in_the_order_given, "You take the neighbours in the list. Sort the points along the front first."),
        (along_the_cost_only, "You measure the gap in the cost only. The gap in accuracy is added to it."),
        (
            to_the_next_only,
            "You measure to the next point on one side. The gap is between the *two* neighbours, one on either side.",
        ),
    ],
    hint="For each of the two objectives: sort, give the ends infinity, and add (value of the next − value of the one "
    "before) / (largest − smallest).",
)
def crowding(points: list[tuple[float, float]]) -> list[float]:
    """Crowding distance of every point (cost, accuracy) of one front, in the order given; no two are equal."""
    found = [0.0] * len(points)
    for column in (0, 1):
        values = [point[column] for point in points]
        order = sorted(range(len(points)), key=lambda i: values[i])
        found[order[0]] = found[order[-1]] = math.inf
        for left, i, right in zip(order, order[1:], order[2:], strict=False):
            found[i] += (values[right] - values[left]) / (max(values) - min(values))
    return found

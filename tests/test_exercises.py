"""The exercise engine, and that every exercise of every chapter keeps its promises."""

from __future__ import annotations

import dataclasses
import importlib
import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from effnet_lib.exercises import Exercise, Tolerance, case, exercise
from effnet_lib.exercises.compare import difference, show_value
from effnet_lib.exercises.proof import chapters, exercises_of, self_test
from effnet_lib.exercises.run import is_stub

ALL = [
    pytest.param(one, id=f"{chapter}.{one.name}")
    for chapter in chapters()
    for one in exercises_of(importlib.import_module(f"effnet_lib.exercises.{chapter}"))
]


@pytest.mark.parametrize("one", ALL)
def test_the_solution_passes_and_every_usual_wrong_answer_gets_its_own_hint(one):
    assert self_test(one) == []


@pytest.mark.parametrize("chapter", chapters())
def test_a_chapter_has_at_least_four_exercises(chapter):
    assert len(exercises_of(importlib.import_module(f"effnet_lib.exercises.{chapter}"))) >= 4


def always_down(channels, divisor=8):
    return max(divisor, int(channels) // divisor * divisor)


def unrounded(channels, divisor=8):
    return int(channels)


@exercise(
    title="Round a width to a multiple of `divisor`",
    cases=[(33.6,), case(38, divisor=16), 3, (60,)],
    wrong=[(always_down, "You always round down."), (unrounded, "A multiple of `divisor` is wanted.")],
    hint="Add half a divisor before you divide.",
)
def rounded(channels, divisor=8):
    """Nearest multiple of ``divisor``."""
    return max(divisor, int(channels + divisor / 2) // divisor * divisor)  # <nearest>


def test_a_sound_exercise_passes_its_own_test():
    assert self_test(rounded) == []


def test_the_self_test_notices_what_is_wrong_with_an_exercise():
    def same(x):
        return 2 * x

    def doubled(x):
        return 2 * x

    def squared(x):
        return x * x

    def also_squared(x):
        return x**2

    def make(cases, wrong):
        return exercise(title="t", cases=cases, wrong=wrong, hint="h")(doubled)

    assert "no case tells the wrong answer same" in self_test(make([3], [(same, "a")]))[0]
    assert "no case tells the wrong answer squared" in self_test(make([2], [(squared, "a")]))[0]
    assert "is taken for squared" in self_test(make([3], [(squared, "a"), (also_squared, "b")]))[0]
    assert "share a hint" in self_test(make([3], [(squared, "a"), (same, "a")]))[0]
    assert (
        "does not pass"
        in self_test(
            exercise(title="t", cases=[3], wrong=[(squared, "a")], hint="h", compare=lambda a, b: "x")(
                doubled
            )
        )[0]
    )


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        (rounded.reference, "passed", "all 4 cases"),
        (lambda channels, divisor=8: 8, "wrong", "8 instead of 32"),
        (lambda channels, divisor=8: 8.0, "wrong", "8.0 instead of 32"),
        (lambda channels, divisor=8: "32", "wrong", "a string where a number"),
        (lambda channels, divisor=8: [32], "wrong", "a list where a number"),
        (lambda channels, divisor=8: True, "wrong", "a bool"),
        (lambda channels, divisor=8: math.nan, "wrong", "nan"),
        (lambda channels, divisor=8: float(rounded(channels, divisor)), "wrong", "a count is an int"),
        (lambda channels, divisor=8: [][channels], "error", "raises TypeError"),
        (lambda channels, divisor=8: sys.exit(3), "error", "SystemExit"),
        (lambda channels: 32, "error", "TypeError"),
        (lambda channels, divisor=8: rounded(channels) if divisor > 8 else None, "wrong", "`return` missing"),
        (3, "error", "the function itself"),
        (None, "not attempted", "nothing to check"),
        (..., "not attempted", "nothing to check"),
        (lambda channels, divisor=8: ..., "not attempted", "placeholder"),
        (lambda channels, divisor=8: NotImplemented, "not attempted", "placeholder"),
        (lambda channels, divisor=8: None, "not attempted", "placeholder"),
        (lambda channels, divisor=8: (..., ...), "not attempted", "placeholder"),
        (lambda channels, divisor=8: channels * ..., "not attempted", "placeholder"),
        (len, "error", "raises TypeError"),
    ],
)
def test_every_answer_gets_a_verdict_and_none_raises(answer, status, said):
    verdict = rounded.check(answer)
    assert verdict.status == status
    assert said in repr(verdict)
    assert verdict.passed == bool(verdict) == (status == "passed")
    assert status in verdict._repr_html_()


def test_an_answer_that_raises_not_implemented_is_not_attempted():
    def stub(channels, divisor=8):
        raise NotImplementedError("your turn")

    assert rounded.check(stub).status == "not attempted"


def test_a_wrong_answer_is_told_its_own_hint_and_the_first_case_that_shows_it():
    verdict = rounded.check(lambda channels, divisor=8: max(divisor, int(channels / divisor) * divisor))
    assert verdict.hint == "You always round down."
    assert (verdict.case, verdict.got, verdict.expected) == ("rounded(60)", "56", "64")
    assert rounded.check(lambda channels, divisor=8: 7).hint is None


def test_an_interrupted_answer_ends_the_check_at_once():
    calls = []

    def endless(channels, divisor=8):
        calls.append(channels)
        raise KeyboardInterrupt

    verdict = rounded.check(endless)
    assert verdict.status == "error"
    assert "never end" in verdict.message
    assert len(calls) == 1


def test_error_cases_ask_for_the_same_kind_of_error():
    def strict(kernel):
        if kernel % 2 == 0:
            raise ValueError("even")
        return kernel // 2

    def careless(kernel):
        return kernel // 2

    one = exercise(title="t", cases=[3, 4], wrong=[(careless, "Even kernels have no middle.")], hint="h")(
        strict
    )
    assert self_test(one) == []
    assert "should raise ValueError" in one.check(careless).message

    def other_error(kernel):
        return kernel // 2 if kernel % 2 else [][1]

    assert one.check(other_error).got.startswith("raises IndexError")


def test_the_solution_shown_is_the_source_without_its_decorator():
    text = rounded.solution().text
    assert text.startswith("def rounded(channels, divisor=8):")
    assert "# <nearest>" in text
    assert "exercise(" not in text
    html = rounded._repr_html_()
    assert html.count("<details") == 2
    assert "&lt;nearest&gt;" in html
    assert "<nearest>" not in html
    assert rounded.hint().text in html
    assert "nearest" not in repr(rounded)  # the plain text does not give the solution away
    assert rounded(33.6) == 32


def test_texts_are_escaped_wherever_they_are_shown():
    verdict = rounded.check(lambda channels, divisor=8: "<img src=x>")
    assert "<img" not in verdict._repr_html_()
    assert "&lt;img" in verdict._repr_html_()

    def noisy(channels, divisor=8):
        raise ValueError("<script>")

    assert "<script>" not in rounded.check(noisy)._repr_html_()


def test_an_answer_that_changes_its_argument_passes_and_is_told():
    def smallest_first(values):
        return sorted(values)

    def reversed_list(values):
        return list(reversed(values))

    one = exercise(title="t", cases=[([3, 1, 2],)], wrong=[(reversed_list, "b")], hint="h")(smallest_first)

    def in_place(values):
        values.sort()
        return values

    assert one.check(in_place).passed
    assert "in place" in one.check(in_place).message
    assert "in place" not in one.check(smallest_first).message


def gate(x):
    return x * torch.sigmoid(x.mean((2, 3), keepdim=True))


def gate_over_channels(x):
    return x * torch.sigmoid(x.mean(1, keepdim=True))


tensors = exercise(
    title="Gate",
    cases=lambda: [(torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0)),)],
    wrong=[(gate_over_channels, "Average over the pixels, not over the channels.")],
    hint="h",
)(gate)


def test_tensors_are_compared_by_kind_shape_dtype_and_value():
    assert self_test(tensors) == []
    assert "has shape (3, 4) instead of (2, 3, 4, 4)" in tensors.check(lambda x: x[0, :, 0]).message
    assert "dtype int64 instead of float32" in tensors.check(lambda x: x.long()).message
    assert "at [" in tensors.check(lambda x: gate(x) + torch.eye(4)).message
    assert "a list where a tensor" in tensors.check(lambda x: x.tolist()).message
    assert tensors.check(lambda x: gate(x.double()).float()).passed
    assert tensors.check(lambda x: gate(x).requires_grad_()).passed
    assert not tensors.check(lambda x: gate(x) * math.nan).passed


class Separable(nn.Sequential):
    def __init__(self, channels, out):
        super().__init__(nn.Conv2d(channels, channels, 3, groups=channels), nn.Conv2d(channels, out, 1))


class Dense(nn.Sequential):
    def __init__(self, channels, out):
        super().__init__(nn.Conv2d(channels, out, 3))


modules = exercise(
    title="A layer",
    cases=[(4, 6)],
    wrong=[(Dense, "That is a full convolution.")],
    hint="Two layers.",
    observe=lambda build, channels, out: build(channels, out)(torch.ones(1, channels, 5, 5)),
)(Separable)


def test_answers_that_build_modules_are_observed_under_one_seed():
    before = torch.get_rng_state()
    assert self_test(modules) == []
    assert torch.equal(before, torch.get_rng_state())
    assert modules.source.startswith("class Separable(nn.Sequential):")

    class Stub(nn.Module):
        def __init__(self, channels, out):
            super().__init__()

        def forward(self, x): ...

    assert modules.check(Stub).status == "not attempted"
    assert modules.check(lambda channels, out: nn.Conv2d(channels, out, 5)).status == "wrong"
    assert modules.check(lambda channels, out: None).status == "not attempted"


@dataclasses.dataclass
class Point:
    x: int
    y: int


@pytest.mark.parametrize(
    ("got", "expected", "said"),
    [
        (1, 1, None),
        (np.int64(3), 3, None),
        (torch.tensor(3), 3, None),
        (3.0, 3, "a count is an int"),
        (1, True, "an int"),
        (0.1 + 0.2, 0.3, None),
        (0.3001, 0.3, "0.3001 instead of 0.3"),
        (math.nan, math.nan, None),
        (math.inf, 1.0, "inf"),
        (1.0, math.inf, "instead of inf"),
        (np.float32(0.5), 0.5, None),
        ("a", "a", None),
        ("a", "b", "'a' instead of 'b'"),
        (None, "b", "None where a string"),
        ((1, 2), [1, 2], None),
        ((1, 3), (1, 2), "3 at [1] instead of 2"),
        ((1,), (1, 2), "length 1 instead of 2"),
        (iter([1]), [1], "a list_iterator where a list"),
        ({"a": 1}, {"a": 1}, None),
        ({"a": (1, 2)}, {"a": (1, 3)}, "2 at ['a'][1] instead of 3"),
        ({"b": 1}, {"a": 1}, "no key 'a'"),
        ({"a": 1, "b": 1}, {"a": 1}, "too many: 'b'"),
        (Point(1, 2), Point(1, 2), None),
        (Point(1, 2), Point(1, 3), "2 at .y instead of 3"),
        (3, Point(1, 3), "no attribute 'x'"),
        ({1, 2}, {2, 1}, None),
        ({1}, {2, 1}, "instead of"),
        (np.ones(3), np.ones(3), None),
        (torch.ones(3), np.ones(3), None),
        (np.ones((3, 1)), np.ones(3), "shape (3, 1) instead of (3,)"),
        (np.array([1, 2, 4]), np.array([1, 2, 3]), "4 at [2] instead of 3"),
        (torch.tensor([1.0, math.nan]), torch.tensor([1.0, math.nan]), None),
        (torch.tensor([1.0, math.inf]), torch.tensor([1.0, 2.0]), "inf at [1]"),
        (torch.tensor([True, False]), torch.tensor([True, True]), "False at [1]"),
    ],
)
def test_differences_are_said_where_there_are_any(got, expected, said):
    found = difference(got, expected)
    assert found is None if said is None else said in found


def test_a_tolerance_is_used_and_states_its_reason():
    loose = Tolerance(0.1, 0, "a pilot measurement")
    assert difference(1.05, 1.0, loose) is None
    assert difference(1.2, 1.0, loose)


def test_an_answer_whose_comparison_raises_gets_a_verdict():
    class Odd:
        def __eq__(self, other):
            raise RuntimeError("no")

        __hash__ = None

        def __repr__(self):
            raise RuntimeError("no")

    assert rounded.check(lambda channels, divisor=8: Odd()).status == "wrong"
    one = exercise(title="t", cases=[1], wrong=[(lambda x: 2, "b")], hint="h")(lambda x: object)
    assert one.check(lambda x: Odd()).status == "wrong"


def test_values_are_shown_without_addresses_and_on_one_line():
    assert show_value(object()) == "<object object>"
    assert show_value(len) == "len"
    assert show_value(torch.zeros(2, 3, 4)) == "tensor of shape (2, 3, 4), float32"
    assert show_value(torch.tensor([1.0, 2.5])) == "tensor([1, 2.5])"
    assert len(show_value("x" * 1000)) <= 160
    assert "\n" not in show_value("a\nb")


def test_stubs_are_told_from_answers():
    def with_docstring(x):
        """What to do."""

    def with_placeholder(x):
        hidden = None
        return hidden

    def constant(x):
        return 8

    def identity(x):
        return x

    def forgot_to_return(x):
        x * 2

    assert is_stub(with_docstring)
    assert is_stub(with_placeholder)
    assert not is_stub(constant)
    assert not is_stub(identity)
    assert not is_stub(forgot_to_return)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"title": " "}, "title must be a text"),
        ({"hint": ""}, "hint must be a text"),
        ({"wrong": []}, "at least one usual wrong answer"),
        ({"wrong": [(always_down, "")]}, r"\(function, hint\) pairs"),
        ({"wrong": [(3, "a")]}, r"\(function, hint\) pairs"),
        ({"cases": []}, "at least one case"),
    ],
)
def test_an_exercise_without_what_it_needs_is_refused(changes, said):
    whole = {"title": "t", "cases": [1], "wrong": [(always_down, "a")], "hint": "h"}
    with pytest.raises(ValueError, match=said):
        exercise(**{**whole, **changes})


def test_verdicts_are_the_same_in_every_run():
    texts = {repr(rounded.check(always_down)) + rounded.check(always_down)._repr_html_() for _ in range(3)}
    assert len(texts) == 1


def test_the_engine_loads_no_torch():
    code = "import sys, effnet_lib.exercises.proof; print({'torch', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_exercises_are_what_the_modules_export():
    assert isinstance(rounded, Exercise)
    assert rounded.__doc__ == rounded.reference.__doc__


def test_text_becomes_html_with_code_emphasis_and_paragraphs_and_nothing_else():
    from effnet_lib.exercises.verdict import text_to_html

    assert text_to_html("its *input* channels") == "its <em>input</em> channels"
    assert text_to_html("`a *b* c`").endswith(">a *b* c</code>")
    assert text_to_html("2*3*4 and a * b * c") == "2*3*4 and a * b * c"
    assert text_to_html("<b>\n\nx") == "&lt;b&gt;<br><br>x"

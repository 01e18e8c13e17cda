"""Predict and Quiz in a published page: nothing shows before the guess, answers stay, a keyboard will do."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from widget_pages import write_page

from effnet_lib.widgets import LayerExplorer, Predict, Quiz

WHY = "Since `memory` decides, not MACs."
GUESS = {
    "id": "ch01-a", "question": "How much longer?", "options": ["as long", "twice `B0`", "thrice"],
    "answer": 1, "explanation": WHY,
}  # fmt: skip
NUMBER = {
    "id": "ch01-n", "question": "How many parameters?", "answer": 5288548, "unit": "parameters",
    "explanation": "Most sit late.", "tolerance": 1.5,
}  # fmt: skip
QUIZ = [
    {"question": "One?", "options": [("a", "not a"), ("b", "yes `b`"), ("c", "not c")], "answer": 1},
    {"question": "Two?", "options": [("d", "yes d"), ("<img src=x>", "no <b>tags</b>")], "answer": 0},
]
COMMIT, FORGET = "This is my guess", "Take my guess back"


def predict(page: Page, id: str = "ch01-a"):
    return page.locator(f"#effnet-predict-{id}")


def quiz(page: Page):
    return page.get_by_role("region", name="Quiz")


def stored(page: Page, id: str) -> str | None:
    return page.evaluate("id => localStorage.getItem(`effnet:${id}`)", id)


@pytest.fixture
def opened(page: Page, tmp_path: Path):
    """A page with a prediction, a number, a quiz and an explorer that waits for the prediction."""
    widgets = [
        Predict(**GUESS),
        Predict(**NUMBER),
        LayerExplorer(locked_by="ch01-a"),
        Quiz(id="ch01-quiz", questions=QUIZ),
    ]
    page.goto(write_page(tmp_path, widgets).as_uri())
    expect(quiz(page)).to_be_visible()
    yield page
    assert page.record.problems() == []


def guess(page: Page, option: str, id: str = "ch01-a") -> None:
    predict(page, id).get_by_label(option).check()
    predict(page, id).get_by_role("button", name=COMMIT).click()


def test_nothing_of_the_answer_shows_before_the_guess(opened: Page):
    assert "decides" not in predict(opened).locator(".efx-body").inner_text()
    assert predict(opened).locator(".efx-is-right").count() == 0
    expect(opened.get_by_text("Make your prediction above first")).to_be_visible()
    expect(opened.locator("[data-name=kernel]").first).to_be_hidden()


def test_a_guess_opens_the_answer_and_the_explorer_and_can_be_taken_back(opened: Page):
    guess(opened, "thrice")
    expect(predict(opened)).to_contain_text("You guessed “thrice”. It is “twice B0”.")
    expect(predict(opened)).to_contain_text("Since memory decides")
    assert predict(opened).locator(".efx-answer code").all_inner_texts() == ["B0", "memory"]
    expect(predict(opened).locator(".efx-is-right")).to_contain_text("✓ the answer")
    expect(predict(opened).locator(".efx-is-wrong")).to_contain_text("your guess")
    expect(predict(opened).get_by_role("radio").first).to_be_disabled()
    expect(opened.locator("[data-name=kernel]").first).to_be_visible()
    expect(predict(opened).get_by_role("status")).to_contain_text("It is “twice B0”")

    predict(opened).get_by_role("button", name=FORGET).click()
    assert "decides" not in predict(opened).locator(".efx-body").inner_text()
    expect(opened.locator("[data-name=kernel]").first).to_be_hidden()
    assert stored(opened, "ch01-a") is None
    guess(opened, "twice")
    expect(predict(opened)).to_contain_text("✓ You guessed right.")


def test_a_guess_is_remembered_when_the_page_is_opened_again(opened: Page):
    guess(opened, "as long")
    opened.reload()
    expect(predict(opened)).to_contain_text("You guessed “as long”")
    expect(predict(opened).get_by_label("as long")).to_be_checked()
    expect(opened.locator("[data-name=kernel]").first).to_be_visible()


def test_no_choice_is_no_guess(opened: Page):
    predict(opened).get_by_role("button", name=COMMIT).click()
    expect(predict(opened).get_by_text("Choose an answer first.")).to_be_visible()
    expect(predict(opened).get_by_role("radio").first).to_be_focused()
    field = predict(opened, "ch01-n").get_by_role("textbox")
    for nonsense in ("", "many", "5 apples", "1e999", "--3", "5,3"):
        field.fill(nonsense)
        field.press("Enter")
        expect(predict(opened, "ch01-n").get_by_text("A number, please")).to_be_visible()
    assert stored(opened, "ch01-n") is None


def test_all_of_a_prediction_works_by_keyboard(opened: Page):
    predict(opened).get_by_role("radio").first.focus()
    opened.keyboard.press("ArrowDown")
    opened.keyboard.press("ArrowDown")
    opened.keyboard.press("Enter")
    expect(predict(opened)).to_contain_text("You guessed “thrice”")
    expect(predict(opened).locator(".efx-answer")).to_be_focused()
    opened.keyboard.press("Tab")
    expect(predict(opened).get_by_role("button", name=FORGET)).to_be_focused()
    opened.keyboard.press("Enter")
    expect(predict(opened).get_by_role("radio").first).to_be_focused()
    assert "decides" not in predict(opened).locator(".efx-body").inner_text()


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("5288548", "✓ Close. The answer is 5.29 M parameters, you said 5.29 M parameters. Exactly right."),
        (
            "5.2 M",
            "✓ Close. The answer is 5.29 M parameters, you said 5.2 M parameters. Your guess is 2 % below",
        ),
        ("7m", "✓ Close."),
        ("25,600,000", "Your guess is 4.8 times the answer."),
        ("2e6", "The answer is 2.6 times your guess."),
        ("0", "Your guess is 5.29 M below the answer."),
        ("-3", "Your guess is 5.29 M below the answer."),
    ],
)
def test_a_number_is_told_how_far_off_it_is(opened: Page, typed: str, said: str):
    box = predict(opened, "ch01-n")
    box.get_by_label("Your guess, parameters").fill(typed)
    box.get_by_role("textbox").press("Enter")
    text = " ".join(box.inner_text().split())
    assert said in text
    assert "Most sit late." in text


def test_a_number_is_echoed_in_full_while_it_is_typed(opened: Page):
    box = predict(opened, "ch01-n")
    box.get_by_role("textbox").press_sequentially("5.3 M")
    expect(box.get_by_text("= 5,300,000")).to_be_visible()
    expect(box.get_by_role("textbox")).to_be_focused()


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1200", 1200), (" 1,200 ", 1200), ("1 200", 1200), ("1_200", 1200), ("5.3e6", 5.3e6), (".5", 0.5),
        ("-2", -2), ("5.3 million", 5.3e6), ("2 billion", 2e9), ("3k", 3000), ("4 G", 4e9), ("12 %", 12),
        ("5,3", None), ("1,20,000", None), ("", None), ("e5", None), (".", None), ("1e400", None),
        ("5 apples", None),
    ],
)  # fmt: skip
def test_numbers_are_read_as_people_write_them(page: Page, text: str, number: float | None):
    read = """async ([script, text]) => {
      const module = await import(URL.createObjectURL(new Blob([script], {type: "text/javascript"})));
      const number = module.parseNumber(text);
      return Number.isNaN(number) ? null : number;
    }"""
    assert page.evaluate(read, [Predict._esm, text]) == (
        pytest.approx(number) if number is not None else None
    )


@pytest.mark.parametrize(
    "kept",
    [
        "{not json", "5", "null", '"thrice"', "[]", "{}", '{"question": "Another?", "guess": "thrice"}',
        '{"question": "How much longer?", "guess": "an option that was"}',
        '{"question": "How much longer?", "guess": 1}',
    ],
)  # fmt: skip
def test_what_does_not_fit_the_question_is_forgotten(opened: Page, kept: str):
    opened.evaluate("kept => localStorage.setItem('effnet:ch01-a', kept)", kept)
    opened.reload()
    expect(predict(opened).get_by_role("button", name=COMMIT)).to_be_visible()
    expect(opened.locator("[data-name=kernel]").first).to_be_hidden()
    guess(opened, "twice")
    expect(opened.locator("[data-name=kernel]").first).to_be_visible()


def test_a_browser_that_refuses_storage_remembers_within_the_page(chromium, tmp_path: Path):
    context = chromium.new_context()
    refuse = "Object.defineProperty(window, 'localStorage', {get() { throw new Error('refused'); }})"
    context.add_init_script(refuse)
    page = context.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(error))
    widgets = [Predict(**GUESS), LayerExplorer(locked_by="ch01-a"), Quiz(id="ch01-quiz", questions=QUIZ)]
    page.goto(write_page(tmp_path, widgets).as_uri())
    guess(page, "twice")
    expect(page.locator("[data-name=kernel]").first).to_be_visible()
    try_option(page, 0, "b")
    expect(quiz(page).locator(".efx-score")).to_have_text("1 of 2 solved, 1 at the first try.")
    assert errors == []
    context.close()


def try_option(page: Page, number: int, option: str) -> None:
    form = quiz(page).locator("form").nth(number)
    form.get_by_label(option).check()
    form.get_by_role("button").click()


def test_a_quiz_explains_what_was_tried_and_all_once_it_is_solved(opened: Page):
    score = quiz(opened).locator(".efx-score")
    reasons = quiz(opened).locator(".efx-reason")
    expect(score).to_have_text("2 questions. Try as often as you like.")
    assert reasons.count() == 0
    try_option(opened, 0, "a")
    assert reasons.all_inner_texts() == ["not a"]
    expect(quiz(opened).get_by_role("status")).to_have_text(
        "Not this one. not a 0 of 2 solved, 0 at the first try."
    )
    expect(quiz(opened).locator("form").first.get_by_label("a")).to_be_disabled()
    try_option(opened, 0, "b")
    assert reasons.all_inner_texts() == ["not a", "yes b", "not c"]
    expect(score).to_have_text("1 of 2 solved, 0 at the first try.")
    try_option(opened, 1, "d")
    expect(score).to_have_text("All solved, 1 at the first try.")
    assert "no <b>tags</b>" in reasons.all_inner_texts()  # text stays text
    assert quiz(opened).locator("img, .efx-reason b").count() == 0
    assert quiz(opened).locator("code").all_inner_texts() == ["b"]


def test_a_quiz_remembers_and_starts_over(opened: Page):
    try_option(opened, 0, "c")
    try_option(opened, 1, "d")
    opened.reload()
    score = quiz(opened).locator(".efx-score")
    expect(score).to_have_text("1 of 2 solved, 1 at the first try.")
    assert quiz(opened).locator(".efx-is-wrong").count() == 1
    quiz(opened).get_by_role("button", name="Start over").click()
    expect(score).to_have_text("2 questions. Try as often as you like.")
    expect(quiz(opened).get_by_role("radio").first).to_be_focused()
    assert stored(opened, "ch01-quiz") is None
    opened.reload()
    expect(score).to_have_text("2 questions. Try as often as you like.")


def test_all_of_a_quiz_works_by_keyboard(opened: Page):
    quiz(opened).get_by_role("radio").first.focus()
    opened.keyboard.press("Space")
    opened.keyboard.press("Enter")
    expect(quiz(opened).locator(".efx-is-wrong")).to_have_count(1)
    opened.keyboard.press("Space")  # the focus is on the first option left, which is the right one
    opened.keyboard.press("Enter")
    expect(quiz(opened).locator(".efx-score")).to_have_text("1 of 2 solved, 0 at the first try.")
    opened.keyboard.press("Tab")
    opened.keyboard.press("Space")
    opened.keyboard.press("Tab")
    opened.keyboard.press("Enter")
    expect(quiz(opened).locator(".efx-score")).to_have_text("All solved, 1 at the first try.")
    opened.keyboard.press("Tab")
    expect(quiz(opened).get_by_role("button", name="Start over")).to_be_focused()


def test_a_check_without_a_choice_asks_for_one(opened: Page):
    quiz(opened).locator("form").nth(1).get_by_role("button").click()
    expect(quiz(opened).get_by_text("Choose an answer first.")).to_be_visible()
    try_option(opened, 0, "a")
    quiz(opened).locator("form").nth(0).get_by_role("button", name="Try again").click()
    expect(quiz(opened).get_by_text("Choose another answer.")).to_be_visible()


@pytest.mark.parametrize(
    ("kept", "score"),
    [
        ("{not json", "2 questions."), ("7", "2 questions."), ("[]", "2 questions."),
        ('{"tried": null}', "2 questions."),
        ('{"tried": {"One?": "b"}}', "2 questions."),
        ('{"tried": {"A question that was": ["b"], "Two?": ["d"]}}', "1 of 2 solved, 1 at the first try."),
        ('{"tried": {"One?": ["an option that was", "b"]}}', "1 of 2 solved, 1 at the first try."),
        ('{"tried": {"One?": ["b", "a", "b"]}}', "1 of 2 solved, 1 at the first try."),
        ('{"tried": {"constructor": ["b"]}}', "2 questions."),
    ],
)  # fmt: skip
def test_a_quiz_keeps_only_answers_that_still_make_sense(opened: Page, kept: str, score: str):
    opened.evaluate("kept => localStorage.setItem('effnet:ch01-quiz', kept)", kept)
    opened.reload()
    expect(quiz(opened).locator(".efx-score")).to_contain_text(score)
    try_option(opened, 1, "<img") if "Two?" not in kept else None


def test_two_tabs_agree(opened: Page):
    other = opened.context.new_page()
    other.goto(opened.url)
    guess(opened, "as long")
    expect(predict(other)).to_contain_text("You guessed “as long”")
    other.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_is_wider_than_a_telephone(page: Page, tmp_path: Path, theme: str):
    page.set_viewport_size({"width": 390, "height": 800})
    long = {
        **GUESS,
        "options": [
            "a rather long option that has to be broken into lines " * 2,
            "x" * 60,
            "`" + "y" * 60 + "`",
        ],
    }
    widgets = [Predict(**long), Predict(**NUMBER), Quiz(id="ch01-quiz", questions=QUIZ)]
    page.goto(write_page(tmp_path, widgets, theme).as_uri())
    predict(page).get_by_role("radio").nth(1).check()
    predict(page).get_by_role("button", name=COMMIT).click()
    predict(page, "ch01-n").get_by_role("textbox").fill("1")
    predict(page, "ch01-n").get_by_role("textbox").press("Enter")
    try_option(page, 0, "a")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    wide = """[...document.querySelectorAll(".efx *:not(.efx-hidden)")]
      .filter(node => node.getBoundingClientRect().right > node.closest(".efx").getBoundingClientRect().right)
      .map(node => `${node.tagName} ${node.className}`)"""
    assert page.evaluate(wide) == []

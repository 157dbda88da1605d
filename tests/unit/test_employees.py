"""How many calls begin for the employees of an internal number: the rules, and a simulated call centre under them."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.model.employees import LAST_CALLS, MAX_REMEMBERED, Decision, Lines, PaceBook, Staff, lines_to_begin
from dialer.model.rules import Pacing, Rules
from tests.unit.call_center import HEAD, CallCentre, Scene, compare

PROGRESSIVE, POWER, PREDICTIVE = (Rules(pacing=pacing) for pacing in Pacing)
EVERY_PACING = st.sampled_from(Pacing)
COUNT = st.integers(0, 60)
STAFF = st.builds(lambda busy, free, ringing: Staff(busy + free + ringing, free, ringing), COUNT, COUNT, COUNT)
LINES = st.builds(Lines, dialling=st.integers(0, 300), connecting=COUNT, talking=COUNT)


def book_of(answered: int = 100, unanswered: int = 200, abandoned: int = 0, talks: int = 100) -> PaceBook:
    """A book whose facts all happened in second 0: rings of 15 s, talks of 135 s."""
    book = PaceBook()
    for _ in range(unanswered):
        book.call_ended_unanswered(0, 30)
    for _ in range(answered):
        book.subscriber_answered(0, 15)
    for _ in range(abandoned):
        book.abandoned(0)
    for _ in range(talks):
        book.employee_took(0, 2)
        book.talk_ended(0, 135)
    return book


BOOK = st.builds(
    book_of,
    answered=st.integers(0, 300),
    unanswered=st.integers(0, 600),
    abandoned=st.integers(0, 20),
    talks=st.integers(0, 60),
)


def decided(rules: Rules, staff: Staff, lines: Lines, book: PaceBook | None = None, now_s: float = 1) -> Decision:
    return lines_to_begin(rules, staff, lines, book or book_of(), now_s)


# Progressive and power


@pytest.mark.parametrize(
    ("staff", "lines", "begin"),
    [
        (Staff(5, 3, 0), Lines(0, 0, 2), 3),
        (Staff(5, 3, 0), Lines(2, 0, 2), 1),
        (Staff(5, 0, 0), Lines(0, 0, 5), 0),
        (Staff(5, 2, 1), Lines(2, 1, 2), 0),  # the connecting call has its employee: two others for two calls
        (Staff(5, 2, 1), Lines(1, 1, 2), 1),
        (Staff(5, 3, 0), Lines(0, 1, 2), 2),  # the connecting call will take one of the three
        (Staff(5, 1, 3), Lines(0, 0, 1), 1),  # telephones that ring for others are not ours
    ],
)
def test_progressive_begins_a_call_for_each_free_employee_without_one(staff: Staff, lines: Lines, begin: int) -> None:
    assert decided(PROGRESSIVE, staff, lines).begin == begin


def test_progressive_says_what_it_counted() -> None:
    told = decided(PROGRESSIVE, Staff(5, 3, 0), Lines(2, 0, 2))
    assert told == Decision(1, Pacing.PROGRESSIVE, "progressive: 3 free employees, 2 calls on their way")
    assert "1 free employee, 1 call on" in decided(PROGRESSIVE, Staff(5, 1, 0), Lines(1, 0, 4)).reason


@pytest.mark.parametrize(("ratio", "free", "dialling", "begin"), [(1.5, 3, 0, 4), (1.5, 3, 3, 1), (2.0, 3, 9, 0)])
def test_power_begins_its_ratio_of_the_free_employees(ratio: float, free: int, dialling: int, begin: int) -> None:
    told = decided(Rules(pacing=Pacing.POWER, power_ratio=ratio), Staff(9, free, 0), Lines(dialling, 0, 0))
    assert (told.begin, told.mode) == (begin, Pacing.POWER)
    assert told.reason.startswith(f"power, {ratio:g} calls for each: 3 free employees")


@given(pacing=EVERY_PACING, staff=STAFF, lines=LINES, book=BOOK, limit=st.floats(0, 1))
def test_never_fewer_than_none_and_no_fewer_than_progressive(
    pacing: Pacing, staff: Staff, lines: Lines, book: PaceBook, limit: float
) -> None:
    begin = decided(Rules(pacing=pacing, max_abandon_rate=limit), staff, lines, book).begin
    assert begin >= decided(PROGRESSIVE, staff, lines, book).begin >= 0


@given(staff=STAFF, lines=LINES)
def test_progressive_never_has_more_calls_on_their_way_than_employees_for_them(staff: Staff, lines: Lines) -> None:
    begin = decided(PROGRESSIVE, staff, lines).begin
    room = staff.free + min(staff.ringing, lines.connecting)
    assert begin == 0 or begin + lines.dialling + lines.connecting <= room


@given(staff=STAFF, lines=LINES, more=COUNT)
def test_more_free_employees_never_mean_fewer_progressive_calls(staff: Staff, lines: Lines, more: int) -> None:
    fuller = Staff(staff.on_duty + more, staff.free + more, staff.ringing)
    assert decided(PROGRESSIVE, fuller, lines).begin >= decided(PROGRESSIVE, staff, lines).begin


# Predictive


def test_predictive_begins_more_calls_than_employees_are_free() -> None:
    told = decided(PREDICTIVE, Staff(20, 5, 0), Lines(0, 0, 15))
    assert told.mode == Pacing.PREDICTIVE
    assert 8 <= told.begin <= 15  # 5 free, 1.5 more by then, a third of the calls is answered
    assert told.reason == (
        "predictive: 5 free employees, 0 calls on their way; answer rate 33 %, abandon rate 0 %, "
        "a talk takes 135 s, subscribers wait 2.0 s"
    )


def test_predictive_begins_fewer_calls_the_more_were_abandoned() -> None:
    begun = [
        decided(PREDICTIVE, Staff(20, 5, 0), Lines(0, 0, 15), book_of(200, 400, abandoned)).begin
        for abandoned in range(7)
    ]
    assert begun == sorted(begun, reverse=True)
    assert begun[0] > begun[-1] > 5


def test_predictive_begins_fewer_calls_the_more_answer() -> None:
    begun = [
        decided(PREDICTIVE, Staff(20, 5, 0), Lines(0, 0, 15), book_of(100, unanswered)).begin
        for unanswered in (0, 50, 100, 200, 400)
    ]
    assert begun == sorted(begun)
    assert begun[0] < begun[-1]


def test_calls_that_failed_at_once_do_not_make_those_that_ring_look_worse() -> None:
    book = book_of(100, 0)
    for _ in range(200):
        book.call_ended_unanswered(0, 1)
    staff, lines = Staff(20, 5, 0), Lines(8, 0, 15)
    assert decided(PREDICTIVE, staff, lines, book).begin < decided(PREDICTIVE, staff, lines, book_of(100, 200)).begin


def test_nobody_may_be_abandoned_is_progressive() -> None:
    never = Rules(pacing=Pacing.PREDICTIVE, max_abandon_rate=0)
    assert decided(never, Staff(20, 5, 0), Lines(1, 0, 15)).begin == 4


@pytest.mark.parametrize(
    ("on_duty", "book", "obstacle"),
    [
        (7, book_of(), "7 employees on duty, 10 needed"),
        (20, book_of(answered=23), "data are few: 23 answered calls, 50 needed"),
        (20, book_of(talks=1), "data are few: 1 ended talk, 30 needed"),
        (20, book_of(answered=1000, abandoned=34), "abandon rate 3.4 % over the last 30 min, at most 3 %"),
    ],
)
def test_predictive_falls_back_to_progressive(on_duty: int, book: PaceBook, obstacle: str) -> None:
    told = decided(PREDICTIVE, Staff(on_duty, 3, 0), Lines(2, 0, on_duty - 3), book)
    assert (told.begin, told.mode) == (1, Pacing.PROGRESSIVE)
    assert told.reason == (f"predictive fell back to progressive: {obstacle}; 3 free employees, 2 calls on their way")


# The book


def test_a_book_forgets_what_is_older_than_its_window() -> None:
    book = book_of(abandoned=3)
    assert book.measured(1799).answered == 100
    gone = book.measured(1800)
    assert (gone.answered, gone.abandoned, gone.talks, gone.talk_s, gone.wait_s) == (0, 0, 0, 0, 0)
    assert decided(PREDICTIVE, Staff(20, 5, 0), Lines(0, 0, 15), book, now_s=1800).mode == Pacing.PROGRESSIVE


def test_a_book_measures() -> None:
    book = book_of(answered=99, unanswered=199, abandoned=2)
    seen = book.measured(1)
    assert seen.answer_rate == pytest.approx(1 / 3)
    assert seen.abandon_rate == pytest.approx(2 / 99)
    assert (seen.time_to_answer_s, seen.talk_s, seen.wait_s) == (15, 135, 2)
    assert seen.release_chance == pytest.approx(0.1)


def test_the_answer_rate_is_that_of_the_last_calls() -> None:
    book = book_of(answered=1000, unanswered=0)
    for _ in range(LAST_CALLS):
        book.call_ended_unanswered(1, 30)
    assert book.measured(1).answer_rate < 0.01
    assert book.measured(1).answered == 1000


def test_a_book_does_not_grow_without_bound() -> None:
    book = book_of(answered=2 * MAX_REMEMBERED)
    assert book.measured(1).answered == MAX_REMEMBERED


# The call centre, 10,000 calls each. `python -m tests.unit.call_center` prints the whole table with more seeds


def idle_left_at_most(scene: Scene) -> float:
    """Where nearly every call is answered, or few employees share the chances, there is little to win."""
    if scene.answer_rate > 0.5:
        return 1.02 if scene.employees == 10 else 0.9
    return 0.85 if (scene.employees, scene.answer_rate) == (10, 0.5) else 0.7


@pytest.mark.parametrize(
    "scene",
    [
        Scene(employees, rate, seed=seed, log_normal=seed % 2 == 1)
        for seed, (employees, rate) in enumerate(product((10, 20, 40), (0.15, 0.3, 0.5, 0.8)))
    ],
    ids=lambda scene: f"{scene.employees}-{scene.answer_rate}",
)
def test_few_are_abandoned_and_employees_wait_less_than_under_progressive(scene: Scene) -> None:
    seen = compare(scene)
    print(f"\n{HEAD}\n{seen}")
    assert seen.predictive.dialled == 10_000
    assert seen.predictive.abandon_rate <= 0.03
    assert seen.idle_left <= idle_left_at_most(scene)
    assert seen.progressive.abandoned == 0


@pytest.mark.parametrize(
    "scene",
    [Scene(20, 0.2, rate_later=0.6), Scene(40, 0.2, seed=2, rate_later=0.6), Scene(20, 0.3, fails_at_once=0.6)],
    ids=["20-drift", "40-drift", "20-fails-at-once"],
)
def test_few_are_abandoned_when_the_rate_trebles_and_when_many_calls_fail_at_once(scene: Scene) -> None:
    seen = compare(scene)
    print(f"\n{HEAD}\n{seen}")
    assert seen.predictive.abandon_rate <= 0.03
    assert seen.idle_left <= 0.75


def test_fewer_than_ten_employees_are_never_too_few_for_the_answers() -> None:
    seen = CallCentre(Scene(9, 0.3, calls=2000)).run()
    assert seen.answered > 400
    assert seen.abandoned == 0

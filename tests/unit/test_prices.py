"""What a call costs."""

from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.model.prices import Prices, shown

PRICES = Prices({"7": Decimal("1.50"), "79": Decimal("2.40"), "+375": Decimal("12"), "7800": Decimal(0)})


@pytest.mark.parametrize(
    ("number", "cost_u"),
    [
        ("74951234567", 1_500_000),
        ("79521234567", 2_400_000),
        ("+79521234567", 2_400_000),
        ("375291234567", 12_000_000),
        ("78001234567", 0),
        ("7", 1_500_000),
        ("79", 2_400_000),
    ],
)
def test_the_longest_prefix_of_the_number_decides(number: str, cost_u: int) -> None:
    assert PRICES.cost_u(number, 60) == cost_u


@pytest.mark.parametrize("number", ["84951234567", "201", "", "+"])
def test_a_number_without_a_prefix_has_no_cost(number: str) -> None:
    assert PRICES.cost_u(number, 60) is None
    assert Prices({}).cost_u(number, 60) is None


def test_the_empty_prefix_is_of_every_number() -> None:
    prices = Prices({"": Decimal(6), "7": Decimal(3)})
    assert prices.cost_u("", 10) == 1_000_000
    assert prices.cost_u("201", 10) == 1_000_000
    assert prices.cost_u("7201", 10) == 500_000


@pytest.mark.parametrize(
    ("step_s", "talked_s", "cost_u"),
    [
        (1, 0, 0), (1, 0.2, 20_000), (1, 1, 20_000), (1, 61, 1_220_000),
        (60, 0, 0), (60, 1, 1_200_000), (60, 60, 1_200_000), (60, 60.01, 2_400_000),
        (6, 7, 240_000), (1, -3, 0),
    ],
)  # fmt: skip
def test_talk_is_charged_by_whole_steps(step_s: int, talked_s: float, cost_u: int) -> None:
    assert Prices({"7": Decimal("1.20")}, step_s).cost_u("7952", talked_s) == cost_u


@pytest.mark.parametrize(("price", "cost_u"), [("0.00003", 1), ("0.000029", 0), ("1", 16_667), ("0.1", 1_667)])
def test_half_of_a_millionth_is_rounded_up(price: str, cost_u: int) -> None:
    assert Prices({"7": Decimal(price)}).cost_u("7", 1) == cost_u


@given(
    st.decimals(0, 10_000, places=4),
    st.integers(1, 120),
    st.integers(0, 100_000) | st.floats(0, 100_000, allow_nan=False),
)
def test_the_cost_is_that_of_decimal_arithmetic(price: Decimal, step_s: int, talked_s: float) -> None:
    steps = (Decimal(talked_s) / step_s).to_integral_value(ROUND_CEILING)
    cost = (price * steps * step_s * 1_000_000 / 60).to_integral_value(ROUND_HALF_UP)
    assert Prices({"7": price}, step_s).cost_u("7952", talked_s) == int(cost)


@pytest.mark.parametrize(
    ("cost_u", "text"),
    [(0, "0.00"), (1_250_000, "1.25"), (1_000_000, "1.00"), (100_000, "0.10"), (16_667, "0.016667"), (1, "0.000001")],
)
def test_a_cost_is_shown_with_all_of_its_digits(cost_u: int, text: str) -> None:
    assert shown(cost_u) == text


@given(st.integers(0, 10**15))
def test_what_is_shown_is_the_cost(cost_u: int) -> None:
    assert Decimal(shown(cost_u)) * 1_000_000 == cost_u

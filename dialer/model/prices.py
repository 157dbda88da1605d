"""What a call costs: a price per minute by the prefix of the number dialled. Pure, exact."""

import math
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

U = 1_000_000
"""Costs are whole millionths of the currency, `_u`: their sums are exact, in the database too."""


class Prices:
    """A price list. The longest prefix that the number begins with decides; a leading + counts on neither side."""

    def __init__(self, per_minute: Mapping[str, Decimal], step_s: int = 1) -> None:
        """Talk is charged in steps of `step_s` seconds, at least 1. The prefix "" is of every number."""
        self._u_per_step = {
            prefix.removeprefix("+"): Fraction(price) * U * step_s / 60 for prefix, price in per_minute.items()
        }
        self._step_s = step_s
        self._longest = max(map(len, self._u_per_step), default=0)

    def cost_u(self, number: str, talked_s: float) -> int | None:
        """What a talk costs, in millionths, half of one rounded up; None: no prefix of the number has a price."""
        digits = number.removeprefix("+")[: self._longest]
        prefixes = (digits[:length] for length in range(len(digits), -1, -1))
        u_per_step = next((self._u_per_step[prefix] for prefix in prefixes if prefix in self._u_per_step), None)
        if u_per_step is None:
            return None
        steps = max(0, math.ceil(Fraction(talked_s) / self._step_s))
        return math.floor(u_per_step * steps + Fraction(1, 2))


def shown(cost_u: int) -> str:
    """A cost, not negative, as a decimal number: all of its digits, at least two after the point."""
    whole, millionths = divmod(cost_u, U)
    return f"{whole}.{f'{millionths:06}'.rstrip('0').ljust(2, '0')}"

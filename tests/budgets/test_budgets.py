"""No step of a call costs more than its budget, nor more with a long list than with a short one."""

import sys
import tomllib
from dataclasses import asdict
from pathlib import Path

from tests.budgets.hot_paths import BUDGETS, PYTHON, Cost, measure

MORE = 0.10
LESS = 0.25
OTHER_PYTHON = 0.40
"""Each version of Python has other instructions: of another one than the budgets' only much more is too much."""
DUST = 5.0
"""Instructions, steps of SQLite: a packet may come in two parts, a page may be split."""
RENEW = "if that is meant: python -m tests.budgets.hot_paths"
SHORT, LONG = 10_000, 100_000


async def test_no_step_of_a_call_costs_more_than_its_budget(tmp_path: Path) -> None:
    costs, budgets = await measure(tmp_path, SHORT), tomllib.loads(BUDGETS.read_text())
    python = budgets.pop("python")
    more, less = (MORE, LESS) if python == PYTHON else (OTHER_PYTHON, 1.0)
    assert set(costs) == set(budgets), RENEW
    print(f"Python {sys.version}, budgets of {python}")
    for step, cost in costs.items():
        for figure, seen in asdict(cost).items():
            budget = budgets[step][figure]
            assert seen <= budget * (1 + more) + DUST, f"{step}: {figure} {seen}, the budget is {budget}; {RENEW}"
            assert seen >= budget * (1 - less) - DUST, f"{step}: only {seen} {figure}, lower the {budget}: {RENEW}"


async def test_no_step_of_a_call_costs_more_with_a_long_list(tmp_path: Path) -> None:
    costs: list[dict[str, Cost]] = []
    for rows in (SHORT, LONG):
        folder = tmp_path / str(rows)
        folder.mkdir()
        costs.append(await measure(folder, rows))
    for step, short in costs[0].items():
        for figure, seen in asdict(costs[1][step]).items():
            with_short_list = asdict(short)[figure]
            assert abs(seen - with_short_list) <= 0.01 * with_short_list + DUST, (step, figure, with_short_list, seen)

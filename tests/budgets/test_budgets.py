"""No step of a call costs more than its budget, nor more with a long list than with a short one."""

import tomllib
from collections.abc import Mapping, Set
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from tests.budgets.hot_paths import BUDGETS, VERSIONS, Cost, measure

MORE = 0.10
LESS = 0.25
OTHER_VERSION = 0.40
"""Each version of Python has other instructions, of SQLite other plans: with another one than the budgets' only much
more is too much …"""
DEPENDS_ON = {
    "ours": frozenset({"python"}),
    "sqlalchemy": frozenset({"python", "sqlalchemy"}),
    "vm_steps": frozenset({"sqlite"}),
}
"""… of these figures."""
DUST = 5.0
"""Instructions, steps of SQLite: a packet may come in two parts, a page may be split."""
COMMITS = 0.5
"""Statements: calls may be committed in another number of groups."""
RENEW = "if that is meant: python -m tests.budgets.hot_paths"
SHORT, LONG = 10_000, 100_000


def bounds(figure: str, budget: float, others: Set[str]) -> tuple[float, float]:
    """From what to what it may be; `others`: whose version is another one than the budgets'."""
    if figure == "statements":  # ours alone: one more for each call is a regression
        return budget - COMMITS, budget + COMMITS
    more, less = (OTHER_VERSION, 1.0) if DEPENDS_ON[figure] & others else (MORE, LESS)
    return budget * (1 - less) - DUST, budget * (1 + more) + DUST


def complaints(costs: Mapping[str, Cost], budgets: Mapping[str, Any]) -> list[str]:
    others = {name for name, version in VERSIONS.items() if budgets[name] != version}
    told = []
    for step, cost in costs.items():
        for figure, seen in asdict(cost).items():
            budget = budgets[step][figure]
            least, most = bounds(figure, budget, others)
            if seen > most:
                told.append(f"{step}: {figure} {seen}, the budget is {budget}")
            if seen < least:
                told.append(f"{step}: only {seen} {figure}, lower the {budget}")
    return told


async def test_no_step_of_a_call_costs_more_than_its_budget(tmp_path: Path) -> None:
    costs, budgets = await measure(tmp_path, SHORT), tomllib.loads(BUDGETS.read_text())
    assert set(costs) | set(VERSIONS) == set(budgets), RENEW
    assert complaints(costs, budgets) == [], RENEW


@pytest.mark.parametrize(
    ("cost", "other", "told"),
    [
        (Cost(1000, 1000, 10, 1000), {}, []),
        (Cost(1000, 1000, 10, 1200), {}, ["claim: vm_steps 1200, the budget is 1000"]),
        (Cost(1000, 1000, 10, 700), {}, ["claim: only 700 vm_steps, lower the 1000"]),
        (Cost(1000, 1000, 11, 1000), {}, ["claim: statements 11, the budget is 10"]),
        (Cost(1000, 1000, 10, 1200), {"sqlite": "4.0"}, []),
        (Cost(1000, 1000, 10, 1500), {"sqlite": "4.0"}, ["claim: vm_steps 1500, the budget is 1000"]),
        (Cost(1200, 1000, 10, 1000), {"sqlite": "4.0"}, ["claim: ours 1200, the budget is 1000"]),
        (Cost(1000, 1200, 10, 1000), {"sqlalchemy": "4.0"}, []),
        (Cost(1200, 1200, 10, 1000), {"python": "4.0"}, []),
    ],
)
def test_only_what_depends_on_another_version_may_differ_with_it(
    cost: Cost, other: dict[str, str], told: list[str]
) -> None:
    budgets = {**VERSIONS, **other, "claim": asdict(Cost(1000, 1000, 10, 1000))}
    assert complaints({"claim": cost}, budgets) == told


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

"""The report of a run: a table, charts, and all figures as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import matplotlib as mpl

from bench.rows import Chart, Row

mpl.use("Agg")
from matplotlib import pyplot as plt

_MARKS = {True: "yes", False: "**no**", None: "reported"}


def write_report(
    folder: Path, machine: Mapping[str, str], measures: Mapping[str, Sequence[Row]], *, short: bool
) -> Path:
    """Write what was measured so far, over the report of the same folder; returns the table's file."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [row for some in measures.values() for row in some]
    for chart in (chart for row in rows for chart in row.charts):
        _draw(chart, folder / f"{chart.name}.svg")
    figures = {name: [asdict(row) for row in some] for name, some in measures.items()}
    (folder / "report.json").write_text(json.dumps({"machine": machine, "measures": figures}, indent=1) + "\n")
    table = folder / "report.md"
    table.write_text("\n".join(_lines(machine, rows, short=short)) + "\n")
    return table


def _lines(machine: Mapping[str, str], rows: Sequence[Row], *, short: bool) -> list[str]:
    lines = ["# Bench: the daemon against what bounds it", ""]
    lines += ["A short run: its figures mean little.", ""] if short else []
    lines += [f"- {name}: {value}" for name, value in machine.items()]
    lines += ["", "| measure | seen | against | to reach | reached |", "|---|---|---|---|---|"]
    lines += [
        f"| {row.measure} | {row.seen} | {row.against} | {row.to_reach} | {_MARKS[row.reached]} |" for row in rows
    ]
    lines += ["", "## What bounds each now, and what would be next", ""]
    lines += ["| measure | bound by | next |", "|---|---|---|"]
    lines += [f"| {row.measure} | {row.bound_by} | {row.next_step} |" for row in rows]
    for chart in (chart for row in rows for chart in row.charts):
        lines += ["", f"![{chart.title}]({chart.name}.svg)"]
    return lines


def _draw(chart: Chart, file: Path) -> None:
    figure, axes = plt.subplots(figsize=(8, 4.5))
    for curve in chart.curves:
        axes.plot(curve.x, curve.y, label=curve.label, linewidth=1.2)
    axes.set(title=chart.title, xlabel=chart.x_axis, ylabel=chart.y_axis)
    if chart.log_x:
        axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    if len(chart.curves) > 1:
        axes.legend()
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})
    plt.close(figure)

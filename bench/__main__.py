"""`python -m bench [MEASURE …] [--short] [--out FOLDER]`: measures, then writes the table and charts."""

import asyncio
import importlib
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from bench.machine import describe
from bench.report import write_report
from bench.rows import Measure, Place, Row
from dialer.commands.serve import loop_factory

MEASURES = {
    "calls": "bench.calls",
    "channels": "bench.channels",
    "pollings": "bench.pollings",
    "events": "bench.events",
    "scale": "bench.scale",
    "start": "bench.start",
    "memory": "bench.memory",
    "lists": "bench.lists",
    "reading": "bench.reading",
}
"""Name, and the module whose `measure` it is. In the order in which they run."""


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(sorted(MEASURES)))
@click.option("--short", is_flag=True, help="A tenth of the work: does everything run?")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path(".bench"), show_default=True, help="Report folder."
)
def main(names: Sequence[str], *, short: bool, out: Path) -> None:
    """Measure everything, or only what is named. Exit code 1: something that is to be reached was not."""
    machine = describe()
    done: dict[str, Sequence[Row]] = {}
    for name in names or MEASURES:
        click.echo(f"{name} …", err=True)
        measure: Measure = importlib.import_module(MEASURES[name]).measure
        with (
            tempfile.TemporaryDirectory(prefix="bench-", dir="/tmp") as folder,
            # the loop that the daemon has: what is measured in this process, and the script, have no slower one
            asyncio.Runner(loop_factory=loop_factory()) as runner,
        ):
            done[name] = runner.run(_measured(measure, Place(Path(folder), short)))
        table = write_report(out, machine, done, short=short)
        for row in done[name]:
            click.echo(f"  {row.measure}: {row.seen}; against {row.against}; to reach {row.to_reach}")
    click.echo(table.read_text() if done else "nothing to measure")
    if not short and any(row.reached is False for rows in done.values() for row in rows):
        sys.exit(1)


async def _measured(measure: Measure, place: Place) -> Sequence[Row]:
    return await measure(place)


if __name__ == "__main__":
    main()

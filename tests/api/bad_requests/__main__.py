"""`python -m tests.api.bad_requests URL`: bad requests against a running daemon; exit code 1 where one does harm."""

import asyncio
import sys

import click

from tests.api.bad_requests.generating import bad_requests
from tests.api.bad_requests.request import Site
from tests.api.bad_requests.sending import Address, exchange, replies_of, send_all, table

DEADLINE_S = 45.0
"""A daemon gives a body that does not move 20 s, and its client 10 s more to read why."""


@click.command()
@click.argument("url")
@click.option("--seed", default=1, show_default=True, help="The same seed sends the same requests.")
@click.option("--key", help="An API key, where this machine is not trusted.")
@click.option("--max-body-mb", type=int, help="The daemon's setting: bodies above it are sent, too.")
@click.option("--deadline-s", default=DEADLINE_S, show_default=True, help="For an answer and the connection's end.")
def main(url: str, seed: int, key: str | None, max_body_mb: int | None, deadline_s: float) -> None:
    """Send bad requests to the daemon at URL, count what it answers, and name what it should not have done."""
    sys.exit(asyncio.run(run(url, seed, key, max_body_mb, deadline_s)))


async def run(url: str, seed: int, key: str | None, max_body_mb: int | None, deadline_s: float) -> int:
    """The exit code."""
    address = Address.of(url)
    asking = Site(address.named, {}, key)
    reply, _ = await exchange(address, asking.request("GET", "/openapi.json"), deadline_s)
    document = next((body for _, body in replies_of(reply)), None)
    if not isinstance(document, dict) or "paths" not in document:
        print(f"no description there: {reply[:200]!r}", file=sys.stderr)
        return 2
    requests = bad_requests(Site(address.named, document, key, max_body_mb=max_body_mb), seed)
    outcomes = await send_all(address, requests, deadline_s)
    print(table(outcomes))
    failures = [one for one in outcomes if one.failure]
    for one in failures:
        print(f"{one.request.kind}: {one.request.name}: {one.failure}\n  sent {one.request.wire[:300]!r}")
    print(f"{len(requests)} different requests, seed {seed}: {len(failures)} not as it should be")
    return 1 if failures else 0


if __name__ == "__main__":
    main()

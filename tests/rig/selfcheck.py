"""Shows that the rig does what numbers.py says: `python -m tests.rig.selfcheck`. Exit 1 on any difference.

Real call files, real Asterisk, real RTP: one call for each behaviour and each employee, then 100 calls with two keys
each, 20 at once, then the time from call file to INVITE. About 50 s.
"""

import argparse
import asyncio
import contextlib
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path

from tests.rig.ami import AmiObserver, Message
from tests.rig.numbers import BEHAVIOURS, EMPLOYEES, KEYS, Behaviour, HangsUp, behaviour_of, make_number
from tests.rig.pbx import Pbx
from tests.rig.sipp import Sipp, SippEvent
from tests.rig.waiting import wait_until

RING_S = 6  # for those who never answer
# Seconds without a key until the PBX hangs up: more than between two keys. Longer for those who hang up themselves.
PATIENCE_S = 3
CALL_TIMEOUT_S = 60.0
TOLERANCE_S = 0.15  # SIPp and Asterisk share two cores
AT_ONCE = 20


@dataclass
class Check:
    """One line of the table."""

    what: str
    expected: str
    differences: list[str] = field(default_factory=list)

    def same(self, name: str, got: object, wanted: object) -> None:
        """Note a difference."""
        if got != wanted:
            self.differences.append(f"{name} is {got!r}, not {wanted!r}")

    def near(self, name: str, got_s: float | None, wanted_s: float) -> None:
        """Note a time, in seconds, that is missing or too far off."""
        if got_s is None or abs(got_s - wanted_s) > TOLERANCE_S:
            shown = "missing" if got_s is None else f"{got_s:.2f} s"
            self.differences.append(f"{name} is {shown}, not {wanted_s:g} s")

    def print(self) -> None:
        """Print the line, and the differences below it."""
        print(f"{'ok  ' if not self.differences else 'DIFF'}  {self.what:<14} {self.expected}", flush=True)
        for difference in self.differences:
            print(f"          {difference}", flush=True)


class Rig:
    """Asterisk, provider, employees and an observer, up and connected."""

    def __init__(self, workdir: Path) -> None:
        self.workdir = workdir
        self.provider = Sipp.provider(workdir / "provider")
        self.employees = Sipp.employees(workdir / "employees")
        self.pbx = Pbx(
            workdir / "pbx",
            provider_port=self.provider.port,
            employees_port=self.employees.port,
            dialplan_globals={"RING_S": str(RING_S)},
        )

    async def dial(self, number: str, context: str, extension: str) -> Path:
        """Put a call file into the spool; returns its path there."""
        patience_s = PATIENCE_S + (behaviour_of(number).talks_s or 0)
        text = (
            f"Channel: Local/{number}@rig-selfcheck-dial/n\nContext: {context}\nExtension: {extension}\nPriority: 1\n"
            f"WaitTime: {RING_S + 5}\nSetvar: PATIENCE_S={patience_s:g}\nSetvar: RIG_NUMBER={number}\n"
        )
        aside = self.workdir / f"{number}-{extension}.call"
        await asyncio.to_thread(aside.write_text, text)
        return aside.rename(self.pbx.spool_dir / aside.name)

    async def dial_and_wait(self, number: str, context: str, extension: str) -> None:
        """As `dial`, until the call is over: Asterisk removes the call file then."""
        file = await self.dial(number, context, extension)
        await wait_until(lambda: not file.exists(), f"end of the call to {number}", CALL_TIMEOUT_S)


async def check_all(workdir: Path) -> bool:
    """Run every check; whether all is as it should be."""
    rig = Rig(workdir)
    async with contextlib.AsyncExitStack() as stack:
        for part in (rig.provider, rig.employees, rig.pbx):
            stack.push_async_callback(part.close)
            await part.start()
        ami = AmiObserver(rig.pbx.ami_port, rig.pbx.observer_username, rig.pbx.observer_secret)
        await stack.enter_async_context(ami)
        checks = []
        for group in (check_behaviours, check_employees, check_keys_under_load, check_pickup_time):
            checks += await group(rig, ami)
        checks.append(check_logs(rig))
        checks[-1].print()
    bad = sum(bool(check.differences) for check in checks)
    print(f"{len(checks) - bad} of {len(checks)} checks as expected")
    return not bad


async def check_behaviours(rig: Rig, ami: AmiObserver) -> list[Check]:
    """One call for each row of numbers.BEHAVIOURS, one number outside the table, one dead trunk, one without route."""
    print("Subscribers")
    numbers = [make_number(1, behaviour) for behaviour in [*BEHAVIOURS, "00"]]
    await _at_most(AT_ONCE, [rig.dial_and_wait(number, "rig-selfcheck-answered", number) for number in numbers])
    checks = []
    for number in numbers:
        behaviour = behaviour_of(number)
        check = Check(number, behaviour.description)
        check.same("number of INVITEs", rig.provider.invites()[number], 1)
        _compare_call(check, behaviour, number, rig.provider.events())
        dialled = await _user_event(ami, "RigDialled", number)
        check.same("DIALSTATUS", dialled.get("DialStatus"), behaviour.dial_status)
        if behaviour.sip_code not in (0, 487):
            check.same("SIP reply", dialled.get("Tech"), f"SIP {behaviour.sip_code}")
        if behaviour.answers and behaviour.talks_s != 0:
            ended = await _user_event(ami, "RigEnded", number)
            check.same("keys", ended.get("Keys"), behaviour.keys)
            check.same("PBX hung up", ended.get("PbxHungUp") == "yes", behaviour.hangs_up is HangsUp.PBX)
        check.print()
        checks.append(check)
    return [*checks, *await _check_routes(rig, ami)]


async def _check_routes(rig: Rig, ami: AmiObserver) -> list[Check]:
    routes = {
        "79530000160": ("trunk whose other side is dead", "NOANSWER", ""),
        "70000000160": ("no route", "", ""),
        "99100000160": ("no route for this prefix", "", ""),
        "99979520009970": ("prefix 999 is taken off", "BUSY", "79520009970"),
        "89520009970": ("second route to the provider", "BUSY", "89520009970"),
    }
    await _at_most(AT_ONCE, [rig.dial_and_wait(number, "rig-selfcheck-answered", number) for number in routes])
    checks = []
    for number, (what, dial_status, at_provider) in routes.items():
        check = Check(number, what)
        dialled = await _user_event(ami, "RigDialled", number)
        check.same("DIALSTATUS", dialled.get("DialStatus"), dial_status)
        check.same("number of INVITEs", rig.provider.invites()[at_provider or number], 1 if at_provider else 0)
        check.print()
        checks.append(check)
    return checks


async def check_employees(rig: Rig, ami: AmiObserver) -> list[Check]:
    """One call to each employee; where he talks for ever, the subscriber hangs up after 8 s."""
    print("Employees")
    numbers = {
        extension: make_number(int(extension), "67" if employee.hangs_up is HangsUp.PBX else "60")
        for extension, employee in EMPLOYEES.items()
    }
    await _at_most(
        AT_ONCE,
        [rig.dial_and_wait(number, "rig-selfcheck-employee", extension) for extension, number in numbers.items()],
    )
    checks = []
    for extension, number in numbers.items():
        behaviour = EMPLOYEES[extension]
        check = Check(extension, behaviour.description)
        reached = 0 if behaviour.sip_code == 0 else 1
        check.same("number of INVITEs", rig.employees.invites()[extension], reached)
        if reached:
            _compare_call(check, behaviour, extension, rig.employees.events())
        ended = await _user_event(ami, "RigEmployee", number)
        check.same("DIALSTATUS", ended.get("DialStatus"), behaviour.dial_status)
        check.print()
        checks.append(check)
    return checks


async def check_keys_under_load(rig: Rig, ami: AmiObserver, calls: int = 100) -> list[Check]:
    """Many calls with two keys each: every key must arrive."""
    print(f"{calls} calls with two keys each, {AT_ONCE} at once")
    choose = random.Random(2)
    numbers = [make_number(1_000 + call, choose.choice(KEYS) + choose.choice(KEYS)) for call in range(calls)]
    await _at_most(AT_ONCE, [rig.dial_and_wait(number, "rig-selfcheck-answered", number) for number in numbers])
    check = Check("keys", f"{calls} of {calls} pairs of keys right")
    for number in numbers:
        ended = await _user_event(ami, "RigEnded", number)
        check.same(f"keys of {number}", ended.get("Keys"), behaviour_of(number).keys)
        check.same(f"INVITEs of {number}", rig.provider.invites()[number], 1)
    check.print()
    return [check]


async def check_pickup_time(rig: Rig, _: AmiObserver, calls: int = 100) -> list[Check]:
    """From the rename of a call file into the spool to the INVITE at the provider."""
    print("Call file to INVITE")
    delays_ms = []
    for call in range(calls):
        number = make_number(2_000 + call, "63")
        started_s = time.time()
        file = await rig.dial(number, "rig-selfcheck-answered", number)
        await wait_until(lambda file=file: not file.exists(), f"end of the call to {number}")  # type: ignore[misc]
        invited_s = next(event.time_s for event in rig.provider.events() if event.number == number)
        delays_ms.append((invited_s - started_s) * 1_000)
    median_ms = statistics.median(delays_ms)
    check = Check("pick-up", f"median {median_ms:.1f} ms, 95 % within {sorted(delays_ms)[calls * 95 // 100]:.1f} ms")
    if median_ms > 50:
        check.differences.append("the median is above 50 ms: does pbx_spool have inotify here?")
    check.print()
    return [check]


def check_logs(rig: Rig) -> Check:
    """Nothing unexpected in the logs of Asterisk and SIPp."""
    check = Check("logs", "no warnings, nothing unexpected")
    # Two calls above have no route, on purpose.
    expected = "sent to invalid extension but no invalid handler"
    for line in rig.pbx.log_file.read_text(errors="replace").splitlines():
        if (" WARNING[" in line or " ERROR[" in line) and expected not in line:
            check.differences.append(line)
    for sipp in (rig.provider, rig.employees):
        if complaints := sipp.complaints():
            check.differences.append(complaints)
    return check


def _compare_call(check: Check, behaviour: Behaviour, number: str, events: list[SippEvent]) -> None:
    """Compare what SIPp logged of the call to this number with the table."""
    times_s = {event.what: event.time_s for event in events if event.number == number}
    wanted = {"INVITE"}
    if behaviour.answers:
        wanted |= {"ANSWERED", "HUNG_UP" if behaviour.hangs_up is HangsUp.SUBSCRIBER else "BYE"}
    elif behaviour.sip_code:
        wanted.add("CANCEL" if behaviour.sip_code == 487 else "REFUSED")
    check.same("events", sorted(times_s), sorted(wanted))
    if behaviour.answers and "ANSWERED" in times_s:
        check.near("time to the answer", times_s["ANSWERED"] - times_s["INVITE"], behaviour.answers_after_s)
        if behaviour.talks_s is not None and "HUNG_UP" in times_s:
            check.near("length of the call", times_s["HUNG_UP"] - times_s["ANSWERED"], behaviour.talks_s)


async def _user_event(ami: AmiObserver, name: str, number: str) -> Message:
    """Return the UserEvent about this number, empty when it does not come."""
    with contextlib.suppress(AssertionError):
        found = await wait_until(
            lambda: ami.named(name, lambda event: event.get("Number") == number), f"{name} of {number}", 3.0
        )
        return found[0]
    return {}


async def _at_most(limit: int, calls: list[Coroutine[None, None, None]]) -> None:
    free = asyncio.Semaphore(limit)

    async def one(call: Coroutine[None, None, None]) -> None:
        async with free:
            await call

    await asyncio.gather(*(one(call) for call in calls))


def main() -> int:
    """Run the checks; 0 when all is as expected."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true", help="keep the work folder")
    keep = parser.parse_args().keep
    workdir = Path(tempfile.mkdtemp(prefix="rig-"))
    try:
        return 0 if asyncio.run(check_all(workdir)) else 1
    finally:
        if keep:
            print(f"work folder: {workdir}")
        else:
            shutil.rmtree(workdir, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())

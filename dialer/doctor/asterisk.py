"""Checks of Asterisk over AMI: does it let us in, what may we, is everything there that we need."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from gettext import gettext as _
from pathlib import Path

from dialer.config import Settings
from dialer.doctor.findings import Finding, fail, ok, warn
from dialer.install.asterisk_config import ConfigTree, read_tree
from dialer.install.shipped import shipped
from dialer.pbx.ami import AmiClient, AmiDownError, AmiRefusedError, AmiState
from dialer.pbx.preflight import (
    CLI_MODULES,
    DIALPLAN_VERSION,
    LAMP_MODULES,
    MACHINE_MODULES,
    MODULES,
    has_context,
    has_extension,
    has_module,
)

LOGIN_TIMEOUT_S = 6.0
_NOT_YET = "not connected yet"
"""AmiClient's problem before its first try has ended."""
EXPECTED_EVENTS = frozenset(
    {
        "UserEvent",
        "FullyBooted",
        "Shutdown",
        "ExtensionStatus",
        "QueueMemberAdded",
        "QueueMemberPause",
        "QueueMemberRemoved",
        "QueueMemberStatus",
        "Hangup",
        "BridgeEnter",
    }
)
"""What the event filters of manager_autodialer.conf let through."""


class Ami:
    """A connection of the doctor's own, with all that came unasked."""

    def __init__(self, settings: Settings) -> None:
        ami = settings.ami
        self.client = AmiClient(ami.host, ami.port, ami.username, ami.secret.get_secret_value())
        self.client.events = ("*",)
        self.client.on_event = self._hear
        self.heard: list[Mapping[str, str]] = []
        self._changed = asyncio.Event()
        self.client.on_state = lambda _: self._changed.set()

    def _hear(self, message: Mapping[str, str]) -> None:
        if "ActionID" not in message and "Event" in message:  # not the answer to anything
            self.heard.append(message)

    async def wait_state(self) -> AmiState:
        """READY, or what it stays at."""
        deadline_s = time.monotonic() + LOGIN_TIMEOUT_S
        while self.client.state not in (AmiState.READY, AmiState.REFUSED) and time.monotonic() < deadline_s:
            self._changed.clear()
            if self.client.state is AmiState.AWAY and self.client.problem != _NOT_YET:
                break
            with suppress(TimeoutError):
                async with asyncio.timeout(0.1):  # a connection that fails changes no state
                    await self._changed.wait()
        return self.client.state


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[Ami]:
    ami = Ami(settings)
    ami.client.start()
    try:
        yield ami
    finally:
        ami.client.close()


def check_login(settings: Settings, ami: Ami) -> Finding:
    """How far we came."""
    client = ami.client
    match client.state:
        case AmiState.READY:
            return ok(
                "ami",
                _("logged in at {address} as {username}").format(
                    address=client.address, username=settings.ami.username
                ),
            )
        case AmiState.REFUSED:
            return fail(
                "ami",
                _("{address} refuses the login of {username}").format(
                    address=client.address, username=settings.ami.username
                ),
                _(
                    "the same secret in [ami] secret and in manager_autodialer.conf (manager.d/autodialer.conf), then "
                    "'manager reload'; its permit lines must have our address; dialer install --repair does it"
                ),
            )
        case AmiState.BOOTING:
            return fail(
                "ami",
                _("logged in, but nobody says that Asterisk is fully booted"),
                _("wait until it is; else the AMI user lacks read = system: dialer install --repair"),
            )
    problem = _("no answer") if client.problem == _NOT_YET else client.problem
    return fail(
        "ami",
        f"{client.address}: {problem}",
        _("does Asterisk run? manager.conf: enabled = yes, port, bindaddr; [ami] host, port"),
    )


async def check_rights(settings: Settings, ami: Ami) -> AsyncIterator[Finding]:
    """What our AMI user may do: tried out, and compared with what comes with the dialer where its file can be read."""
    tries = {
        "system": (
            {"Action": "DBPut", "Family": "autodialer", "Key": "doctor", "Val": "1"},
            {"Action": "DBDel", "Family": "autodialer", "Key": "doctor"},
        ),
        "reporting": ({"Action": "Getvar", "Variable": "EPOCH"},),
    }
    missing = []
    for right, actions in tries.items():
        try:
            for action in actions:
                await ami.client.action(action)
        except AmiRefusedError:
            missing.append(f"write = {right}")
    tree = await _manager_file(ami)
    user = settings.ami.username
    known = tree is not None and user in tree.sections
    if tree is not None and known:
        expected = _shipped_user()
        for key in ("read", "write"):
            has = _words(tree.last(user, key) or "")
            missing += [
                f"{key} = {right}"
                for right in sorted(_words(expected.last("autodialer", key) or "") - has)
                if "all" not in has and f"{key} = {right}" not in missing
            ]
    if missing:
        yield fail(
            "rights",
            _("the AMI user {user} lacks {names}").format(user=user, names=", ".join(missing)),
            _("dialer install --repair, which tells Asterisk, too"),
        )
    else:
        yield ok("rights", _("the AMI user may do what it must") if known else _("what can be tried out is allowed"))
    if tree is not None and known:
        lacking = _filters(_shipped_user(), "autodialer") - _filters(tree, user)
        if lacking:
            yield fail(
                "filters",
                _("{count} event filters are missing: {names}").format(
                    count=len(lacking), names="; ".join(sorted(lacking))
                ),
                _("dialer install --repair, which tells Asterisk, too"),
            )
        else:
            yield ok("filters", _("all event filters are there"))


def check_heard(ami: Ami) -> Iterator[Finding]:
    """After a call: what came to us although the filters should have kept it away."""
    strange = sorted({one.get("Event", "") for one in ami.heard} - EXPECTED_EVENTS)
    if strange:
        yield warn(
            "filters",
            _("events come that nobody needs: {names}: some 190 messages a call instead of five").format(
                names=", ".join(strange)
            ),
            _("the event filters of manager_autodialer.conf, then 'manager reload': dialer install --repair does both"),
        )


async def check_dialplan(settings: Settings, ami: Ami) -> AsyncIterator[Finding]:
    client = ami.client
    if not await has_extension(client, "autodialer-version", DIALPLAN_VERSION):
        there = await has_context(client, "autodialer-version")
        says = _("of another version") if there else _("not loaded")
        yield fail(
            "dialplan",
            _("extensions_autodialer.conf is {says} (wanted: {version})").format(says=says, version=DIALPLAN_VERSION),
            _("dialer install --repair, which tells Asterisk, too"),
        )
    else:
        yield ok("dialplan", _("version {version}").format(version=DIALPLAN_VERSION))
    for key in ("outgoing_context", "internal_context"):
        context = str(getattr(settings.asterisk, key))
        if await has_context(client, context):
            yield ok("context", _("[{context}] is there ({key})").format(context=context, key=key))
        else:
            yield fail(
                "context",
                _("there is no context [{context}]").format(context=context),
                _("[asterisk] outgoing_context: the one with your outgoing routes")
                if key == "outgoing_context"
                else _("[asterisk] internal_context: the one with your employees and queues"),
            )


async def check_modules(ami: Ami) -> AsyncIterator[Finding]:
    client = ami.client
    missing = [module for module in MODULES if not await has_module(client, module)]
    if missing:
        yield fail(
            "modules",
            _("not loaded: {names}").format(names=" ".join(missing)),
            _(
                "'module load {module}.so' now, and modules.conf for the next start: dialer install --add-modules"
            ).format(module=missing[0]),
        )
    else:
        yield ok("modules", _("all {count} that calls need are loaded").format(count=len(MODULES)))
    machine = [module for module in MACHINE_MODULES if not await has_module(client, module)]
    if machine:
        yield warn(
            "modules",
            _("not loaded: {names}: tasks with amd are not dialled").format(names=" ".join(machine)),
            _("'module load {module}.so', and modules.conf").format(module=machine[0]),
        )
    for modules, lost in ((CLI_MODULES, _("`dialer` at Asterisk's CLI")), (LAMP_MODULES, _("lamps and keys of tasks"))):
        lacking = [module for module in modules if not await has_module(client, module)]
        if lacking:
            yield warn(
                "modules",
                _("not loaded: {names}: no {lost}").format(names=" ".join(lacking), lost=lost),
                _("'module load {module}.so', and modules.conf: dialer install --add-modules").format(
                    module=lacking[0]
                ),
            )
    sounds = {
        "format_wav": _("prompts cannot be played"),
        "res_musiconhold": _("melodies of templates are not played"),
    }
    for module, lost in sounds.items():
        if not await has_module(client, module):
            yield warn(
                "modules",
                _("not loaded: {module}: {lost}").format(module=module, lost=lost),
                _("'module load {module}.so', and modules.conf").format(module=module),
            )


async def check_spool_path(settings: Settings, ami: Ami) -> Finding:
    """Whether Asterisk looks for call files where we put them."""
    answer = (await ami.client.action({"Action": "Getvar", "Variable": "ASTSPOOLDIR"}))[0]
    theirs = Path(answer.get("Value", "")) / "outgoing"
    ours = settings.asterisk.spool_dir
    if theirs.resolve() == ours.resolve():
        if _is_missing(theirs):
            return fail(
                "spool path",
                _("Asterisk looks for call files in {theirs}, which is not there").format(theirs=theirs),
                _("dialer install --repair makes it; then restart Asterisk"),
            )
        return ok("spool path", _("Asterisk reads {theirs}").format(theirs=theirs))
    return fail(
        "spool path",
        _("Asterisk looks for call files in {theirs}, we put them into {ours}").format(theirs=theirs, ours=ours),
        _('[asterisk] spool_dir = "{theirs}"').format(theirs=theirs),
    )


def _is_missing(folder: Path) -> bool:
    """False, too, where we may not look: whether it can be written to is another check's."""
    try:
        return not folder.is_dir()
    except OSError:
        return False


async def _manager_file(ami: Ami) -> ConfigTree | None:
    """Asterisk's own; None where it cannot be read from here."""
    try:
        answer = (await ami.client.action({"Action": "Getvar", "Variable": "ASTETCDIR"}))[0]
        return read_tree(Path(answer.get("Value", "/nowhere")), "manager.conf")
    except (AmiRefusedError, AmiDownError, OSError):
        return None


def _shipped_user() -> ConfigTree:
    source = shipped("dialplan/manager_autodialer.conf")
    return read_tree(source.parent, source.name)


def _words(value: str) -> set[str]:
    return {word.strip() for word in value.split(",") if word.strip()}


def _filters(tree: ConfigTree, user: str) -> set[str]:
    """With what they compare to."""
    found = (one for one in tree.sections.get(user, []) if one.key.startswith("eventfilter"))
    return {f"{one.key} = {one.value}".strip() for one in found}

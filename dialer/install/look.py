"""What is there: the Asterisk of a configuration folder, as its files tell."""

import grp
import pwd
from dataclasses import dataclass
from enum import StrEnum
from gettext import gettext as _
from ipaddress import ip_address
from pathlib import Path

from dialer.install.asterisk_config import ConfigTree, read_tree
from dialer.pbx.preflight import CLI_MODULES, LAMP_MODULES, MODULES

MIKOPBX_SIGN = Path("/etc/inc/mikopbx-settings.json")
FREEPBX_SIGN = Path("/etc/freepbx.conf")
ALSO_NEEDED = ("pbx_config", "res_speech", "format_wav", "res_musiconhold", *CLI_MODULES, *LAMP_MODULES)
"""Beside what the daemon asks Asterisk for: what reads our files, what res_agi's symbols come from (Asterisk 22)."""
_FREEPBX_SECTION, _FREEPBX_INCLUDE = "from-internal-additional", "extensions_override_freepbx.conf"
_MIKOPBX_SECTIONS = frozenset({"all_peers", "internal-num-undefined"})
"""What their generators write into every extensions.conf, and nobody else does."""
_DEFAULT_SPOOL = "/var/spool/asterisk"
_DEFAULT_RUN = "/var/run/asterisk"
_TRUE = {"yes", "true", "y", "t", "1", "on"}
_CONTEXTS = {
    # (outgoing, internal) in the order in which they are looked for
    "outgoing": ("outgoing", "from-internal", "outbound-allroutes", "outbound", "outgoing-calls"),
    "internal": ("internal", "from-internal", "ext-local", "local-extensions", "employees"),
}


class LookError(Exception):
    """There is no Asterisk to be installed beside; the text says what was looked for."""


class PbxKind(StrEnum):
    PLAIN = "Asterisk"
    FREEPBX = "FreePBX"
    MIKOPBX = "MikoPBX"


@dataclass(frozen=True, slots=True)
class Found:
    """An Asterisk as its configuration folder tells."""

    etc: Path
    kind: PbxKind
    contexts: frozenset[str]
    outgoing_context: str | None
    internal_context: str | None
    ami_host: str
    ami_port: int
    spool_dir: Path
    """Where call files go."""
    control_socket: Path
    user: str
    group: str
    uid: int
    gid: int
    missing_modules: tuple[str, ...]
    """What the dialer needs and modules.conf does not load."""

    @property
    def is_generated(self) -> bool:
        """Whether the PBX writes its main files anew."""
        return self.kind is not PbxKind.PLAIN


def look(etc: Path) -> Found:
    """Raises LookError; OSError for files that cannot be read."""
    if not (etc / "asterisk.conf").is_file() and not (etc / "extensions.conf").is_file():
        raise LookError(
            _("{etc}: no Asterisk configuration there (neither asterisk.conf nor extensions.conf)").format(etc=etc)
        )
    options, manager, modules, dialplan = (
        read_tree(etc, name) for name in ("asterisk.conf", "manager.conf", "modules.conf", "extensions.conf")
    )
    spool = Path(options.last("directories", "astspooldir") or _DEFAULT_SPOOL) / "outgoing"
    run = Path(options.last("directories", "astrundir") or _DEFAULT_RUN)
    contexts = frozenset(dialplan.sections) - {"general", "globals"}
    user, group, uid, gid = _identity(options, spool, etc)
    enabled = (manager.last("general", "enabled") or "no").lower() in _TRUE
    return Found(
        etc=etc,
        kind=_kind(dialplan),
        contexts=contexts,
        outgoing_context=_first(contexts, "outgoing"),
        internal_context=_first(contexts, "internal"),
        # one that is off is switched on for this machine only
        ami_host=_reachable(manager.last("general", "bindaddr") or "") if enabled else "127.0.0.1",
        ami_port=int(manager.last("general", "port") or 5038),
        spool_dir=spool,
        control_socket=run / (options.last("files", "astctl") or "asterisk.ctl"),
        user=user,
        group=group,
        uid=uid,
        gid=gid,
        missing_modules=_missing_modules(modules),
    )


def _kind(dialplan: ConfigTree) -> PbxKind:
    """FreePBX and MikoPBX write extensions.conf anew; a folder from elsewhere is told by what stands in it. Comments
    count for nothing: who has left FreePBX, or copies from it, keeps them."""
    if _FREEPBX_SECTION in dialplan.sections or dialplan.etc / _FREEPBX_INCLUDE in dialplan.named:
        return PbxKind.FREEPBX
    if dialplan.sections.keys() >= _MIKOPBX_SECTIONS:
        return PbxKind.MIKOPBX
    if dialplan.etc == Path("/etc/asterisk"):  # the machine's own Asterisk
        if MIKOPBX_SIGN.exists():
            return PbxKind.MIKOPBX
        if FREEPBX_SIGN.exists():
            return PbxKind.FREEPBX
    return PbxKind.PLAIN


def _first(contexts: frozenset[str], what: str) -> str | None:
    return next((one for one in _CONTEXTS[what] if one in contexts), None)


def _reachable(bound: str) -> str:
    """The address at which we reach an AMI that listens there."""
    host = bound.strip("[]") or "localhost"
    try:
        address = ip_address(host)
    except ValueError:
        return "127.0.0.1" if host == "localhost" else host
    return "127.0.0.1" if address.is_unspecified or address.is_loopback else host


def _missing_modules(modules: ConfigTree) -> tuple[str, ...]:
    named = {"load": set[str](), "noload": set[str]()}
    for one in modules.sections.get("modules", []):
        kind = "noload" if one.key == "noload" else "load"
        named[kind].add(one.value.removesuffix(".so"))
    needed = (*ALSO_NEEDED, *MODULES)
    if (modules.last("modules", "autoload") or "no").lower() in _TRUE:
        return tuple(one for one in needed if one in named["noload"])
    return tuple(one for one in needed if one not in named["load"])


def _identity(options: ConfigTree, spool: Path, etc: Path) -> tuple[str, str, int, int]:
    """Asterisk's user and group: those of asterisk.conf, else the owner of the spool, or of its configuration."""
    owner = next((one.stat() for one in (spool, spool.parent, etc) if one.exists()), etc.stat())
    user, group = options.last("options", "runuser"), options.last("options", "rungroup")
    uid, gid = owner.st_uid, owner.st_gid
    try:
        uid = uid if user is None else pwd.getpwnam(user).pw_uid
        gid = gid if group is None else grp.getgrnam(group).gr_gid
    except KeyError as error:
        raise LookError(
            _("{main}: runuser, rungroup: {error}: not known to this machine").format(main=options.main, error=error)
        ) from None
    return user or _name_of_user(uid), group or _name_of_group(gid), uid, gid


def _name_of_user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _name_of_group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)

"""Checks of this machine: settings, database, disk, spool, folders, certificate, clock."""

import contextlib
import ctypes
import os
import pwd
import shutil
import ssl
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from gettext import gettext as _
from pathlib import Path

from dialer.config import Settings
from dialer.dispatch.callfile import Spool
from dialer.doctor.findings import Finding, fail, ok, warn
from dialer.store.errors import StoreError
from dialer.store.schema import SCHEMA_VERSION
from dialer.store.sole import in_use
from dialer.store.sqlite import inspect_file
from dialer.store.url import database_file

MB = 1_000_000
_LITTLE_BYTES, _LEAST_BYTES = 1_000 * MB, 50 * MB
_LITTLE_SHARE, _LEAST_SHARE = 0.05, 0.002
_LONG_LOG_BYTES = 256 * MB
_CHECKED_WHOLE_BYTES = 64 * MB
_DAY_S = 86_400
_EXPIRES_SOON_S = 21 * _DAY_S
_CLOCK_IS_NOT_SET = 5
"""TIME_ERROR of adjtimex(2)."""


class NoSuchUserError(Exception):
    """The user that the daemon is said to run as is not known here."""


@contextmanager
def being(user: str | None) -> Iterator[None]:
    """Act with that user's rights, as the daemon does; without effect for whoever is not root, or for None. Raises
    NoSuchUserError."""
    if user is None or os.geteuid() != 0:
        yield
        return
    try:
        whose = pwd.getpwnam(user)
    except KeyError:
        raise NoSuchUserError(_("there is no user {user}").format(user=user)) from None
    groups, group = os.getgroups(), os.getegid()
    os.setgroups(os.getgrouplist(user, whose.pw_gid))
    os.setegid(whose.pw_gid)
    os.seteuid(whose.pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)


def check_settings_file(file: Path) -> Finding:
    """Who may read it: it holds secrets."""
    if not os.access(file, os.R_OK, effective_ids=True):
        return fail(
            "settings",
            _("{file} cannot be read by the daemon").format(file=file),
            _("chgrp it to the daemon's group, chmod 0640 {file}").format(file=file),
        )
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & 0o007:
        return warn(
            "settings",
            _("{file} is open to everybody ({mode:04o})").format(file=file, mode=mode),
            _("chmod 0640 {file}").format(file=file),
        )
    return ok("settings", str(file))


def check_database(settings: Settings) -> Finding:
    file = database_file(settings.store.url)
    if file is None:
        return ok("database", _("not a SQLite file: the daemon says at its start whether it can be used"))
    if not file.exists():
        place = next(one for one in file.parents if one.exists())
        if not os.access(place, os.W_OK | os.X_OK, effective_ids=True):
            return fail(
                "database",
                _("{place} is not writable for the daemon").format(place=place),
                _("chown it to the daemon's user: {place}").format(place=place),
            )
        return ok("database", _("{file} is made at the first start").format(file=file))
    try:
        version, log_bytes = inspect_file(file, pages_up_to_bytes=_CHECKED_WHOLE_BYTES)
    except StoreError as error:
        return fail("database", str(error), _("mend what it says, or put a backup in its place: dialer restore"))
    if version > SCHEMA_VERSION:
        return fail(
            "database",
            _("{file}: schema {version} is newer than this dialer's {known}").format(
                file=file, version=version, known=SCHEMA_VERSION
            ),
            _("install the newer dialer again"),
        )
    if log_bytes > _LONG_LOG_BYTES:
        return warn(
            "database",
            _("{file}: its write-ahead log has grown to {size} MB").format(file=file, size=log_bytes // MB),
            _("another program keeps the database open for reading: end it"),
        )
    older = "" if version == SCHEMA_VERSION else _(", upgraded at the next start")
    return ok(
        "database",
        _("{file}: schema {version}{older}, {size} kB, log {log} kB").format(
            file=file, version=version, older=older, size=file.stat().st_size // 1000, log=log_bytes // 1000
        ),
    )


def daemon_runs(settings: Settings) -> bool | None:
    """Whether some daemon holds the database; None: nobody can tell."""
    if database_file(settings.store.url) is None:
        return None
    try:
        return in_use(settings.store.url)
    except OSError:
        return None


def check_disks(settings: Settings) -> Iterator[Finding]:
    """One line for each file system that we write to."""
    seen: set[int] = set()
    database = database_file(settings.store.url)
    for path in (database, settings.audio.dir, settings.audio.recordings, settings.asterisk.spool_dir):
        place = None if path is None else next((one for one in (path, *path.parents) if one.exists()), None)
        if place is None or place.stat().st_dev in seen:
            continue
        seen.add(place.stat().st_dev)
        yield _check_disk(place)


def _check_disk(place: Path) -> Finding:
    total, _used, free = shutil.disk_usage(place)
    room = os.statvfs(place)
    mend = _("remove what is not needed; old recordings: [audio] recordings_max_age_days")
    says = _("{place}: {free} MB free of {total} MB").format(place=place, free=free // MB, total=total // MB)
    if free < min(_LEAST_BYTES, total / 4) or free < _LEAST_SHARE * total or (room.f_files and not room.f_favail):
        return fail("disk", _("{says}: no call is begun that cannot be stored").format(says=says), mend)
    if room.f_files and room.f_favail < room.f_files / 50:
        return warn(
            "disk",
            _("{place}: {count} files more can be made (inodes)").format(place=place, count=room.f_favail),
            mend,
        )
    if free < _LITTLE_BYTES and free < _LITTLE_SHARE * total:
        return warn("disk", says, mend)
    return ok("disk", says)


def check_spool(settings: Settings) -> Finding:
    """As far as it can be told without a call; that Asterisk reads it is told by a call."""
    outgoing = settings.asterisk.spool_dir
    for folder in Spool(outgoing).folders:
        if not folder.is_dir():
            says, mend = _("{folder}: no such folder"), _("dialer install --repair makes it; then restart Asterisk")
        elif not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
            says = _("{folder}: not writable for us")
            mend = _("Asterisk's group for the daemon's user, and for the folder; chmod g+rwx: dialer install --repair")
        else:
            continue
        return fail("spool", says.format(folder=f"[asterisk] spool_dir: {folder}"), mend)
    aside = outgoing.parent / "tmp"
    if aside.exists() and aside.stat().st_dev != outgoing.stat().st_dev:
        return fail(
            "spool",
            _("{aside} and {outgoing} are on different file systems: call files cannot be renamed over").format(
                aside=aside, outgoing=outgoing
            ),
            _("unmount one of them, or make {aside} a folder beside {name}").format(aside=aside, name=outgoing.name),
        )
    return ok("spool", str(outgoing))


def check_audio(settings: Settings) -> Iterator[Finding]:
    for key, folder in (("dir", settings.audio.dir), ("recordings_dir", settings.audio.recordings)):
        place = next(one for one in (folder, *folder.parents) if one.exists())
        wanted = os.R_OK | os.W_OK | os.X_OK if place == folder else os.W_OK | os.X_OK
        if not place.is_dir() or not os.access(place, wanted, effective_ids=True):
            yield fail(
                "audio",
                _("[audio] {key}: {place} is not writable for the daemon").format(key=key, place=place),
                _("chown it: {place}").format(place=place),
            )
            return
    yield ok("audio", str(settings.audio.dir))


def check_certificate(settings: Settings) -> Iterator[Finding]:
    """Nothing where REST is spoken without TLS."""
    certificate, key = settings.http.tls_certificate, settings.http.tls_key
    if certificate is None or key is None:
        return
    try:
        left_s = _certificate_expires_s(certificate, key) - time.time()
    except ssl.SSLCertVerificationError as error:
        yield fail("tls", f"{certificate}: {error.verify_message}", _("renew it; the daemon reads it anew by itself"))
        return
    except OSError as error:  # SSLError among it
        yield fail(
            "tls",
            _("[http] tls_certificate, tls_key: {error}").format(error=error),
            _("a certificate and its key, PEM, readable for us"),
        )
        return
    if left_s < _EXPIRES_SOON_S:
        yield warn(
            "tls",
            _("{certificate} expires in {days:.0f} days").format(certificate=certificate, days=left_s / _DAY_S),
            _("renew it"),
        )
    else:
        yield ok(
            "tls",
            _("{certificate} is good for {days:.0f} days").format(certificate=certificate, days=left_s / _DAY_S),
        )


def _certificate_expires_s(certificate: Path, key: Path) -> float:
    """Unix seconds, as a client sees it: client and server shake hands in memory. Raises OSError."""
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate, key)
    asking = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    asking.check_hostname = False
    asking.load_verify_locations(certificate)
    asking.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = asking.wrap_bio(to_client, to_server)
    server = serving.wrap_bio(to_server, to_client, server_side=True)
    for _turn in range(10):
        for one in (client, server):
            with contextlib.suppress(ssl.SSLWantReadError):
                one.do_handshake()
    told = client.getpeercert() or {}
    return ssl.cert_time_to_seconds(str(told["notAfter"]))


def check_clock_is_set() -> Finding:
    """Whether somebody keeps this machine's clock (NTP)."""
    try:
        told = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))
    except (OSError, AttributeError):
        return ok("ntp", _("nobody can tell here whether the clock is kept"))
    if told == _CLOCK_IS_NOT_SET:
        return warn(
            "ntp", _("nobody keeps this machine's clock right"), _("apt-get install systemd-timesyncd, or chrony")
        )
    return ok("ntp", _("the clock is kept right"))


def check_unit() -> Iterator[Finding]:
    """Nothing where no systemd runs."""
    if not Path("/run/systemd/system").is_dir():
        return
    if Path("/etc/systemd/system/multi-user.target.wants/autodialer.service").exists():
        yield ok("service", _("starts with the machine"))
    else:
        yield warn("service", _("does not start with the machine"), _("systemctl enable --now autodialer"))

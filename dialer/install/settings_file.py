"""The settings file as an installation writes it: what differs from machine to machine, and the generated secrets."""

import base64
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import available_timezones

from dialer.install.look import Found
from dialer.install.shipped import settings_page


@dataclass(frozen=True, slots=True)
class NewSecrets:
    ami: str
    webhooks: str
    password: str
    password_hash: str


def new_secrets(hash_password: Callable[[str], str]) -> NewSecrets:
    """`hash_password` makes what [auth] password_hash wants."""
    password = secrets.token_urlsafe(12)
    webhooks = f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
    return NewSecrets(secrets.token_hex(24), webhooks, password, hash_password(password))


def local_time_zone(etc: Path = Path("/etc")) -> str:
    """The machine's zone by its name. Without a localtime a machine is at UTC; one that is a copy has no name: then
    Europe/Moscow, the daemon's default."""
    localtime, named = etc / "localtime", etc / "timezone"
    names = [str(localtime.resolve()).partition("zoneinfo/")[2]]
    if named.is_file():
        names.append(named.read_text(errors="replace").strip())
    known = available_timezones()
    return next((one for one in names if one in known), "Europe/Moscow" if localtime.exists() else "Etc/UTC")


def settings_text(
    found: Found,
    made: NewSecrets,
    *,
    data_dir: Path,
    timezone: str,
    outgoing_context: str,
    internal_context: str,
    http_port: int,
    agi_port: int,
    cli_port: int,
) -> str:
    """TOML."""
    return f"""\
# Written by `dialer install`; yours from now on: it is not written again. Every setting is explained in
# {settings_page()}

[http]
host = "127.0.0.1"
port = {http_port}

[store]
url = "sqlite:///{data_dir}/dialer.db"

[ami]
host = "{found.ami_host}"
port = {found.ami_port}
username = "autodialer"
# the same as in Asterisk's manager_autodialer.conf or manager.d/autodialer.conf
secret = "{made.ami}"

[agi]
host = "127.0.0.1"
port = {agi_port}

[cli]
port = {cli_port}

[asterisk]
spool_dir = "{found.spool_dir}"
outgoing_context = "{outgoing_context}"
internal_context = "{internal_context}"

[audio]
dir = "{data_dir}/audio"

[auth]
# another password: `dialer passwd`
login = "admin"
password_hash = "{made.password_hash}"

[webhooks]
secret = "{made.webhooks}"

[dialing]
timezone = "{timezone}"
"""

"""Commands at Asterisk's CLI, and the keys of tasks on telephones: one operator carries out both."""

import logging
from pathlib import Path

from dialer.api.asterisk_cli.listener import CliListener
from dialer.api.asterisk_cli.operator import REFUSED, Operator
from dialer.config import Settings
from dialer.model.safe import UnsafeValueError
from dialer.pbx.ami import AmiClient, AmiDownError
from dialer.pbx.lamps import key_pressed_on

log = logging.getLogger(__name__)


def build_cli_listener(settings: Settings, operator: Operator) -> CliListener | None:
    """None: the settings want none."""
    cli, secret, spool_dir = settings.cli, settings.ami.secret.get_secret_value(), settings.asterisk.spool_dir
    if not cli.port:
        return None
    return CliListener(cli.host, cli.port, secret, operator.answer, lambda: _asterisk_s_users(spool_dir))


def _asterisk_s_users(spool_dir: Path) -> set[int]:
    """Whose processes may give commands as Asterisk: root, and the owner of its spool."""
    try:
        return {0, spool_dir.stat().st_uid}
    except OSError:
        return {0}


class Keys:
    """Of telephones: FastAGI says that one was pressed."""

    def __init__(self, ami: AmiClient, operator: Operator) -> None:
        self._ami = ami
        self._operator = operator

    async def press(self, channel: str, dialled: str, caller: str) -> str:
        """FastAGI asks no one for a password: that a telephone has dialled this key is Asterisk's to say."""
        try:
            is_so = dialled != "" and await key_pressed_on(self._ami, channel) == dialled
        except (AmiDownError, TimeoutError, UnsafeValueError):
            is_so = False
        if not is_so:
            log.warning("the key of a task was asked for, but no telephone has dialled it")
            return REFUSED
        return await self._operator.press_key(dialled, caller)

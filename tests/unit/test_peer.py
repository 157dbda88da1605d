"""Whose process is at the other end of a connection."""

import os
import socket
from pathlib import Path

import pytest

from dialer.api.asterisk_cli import peer
from dialer.api.asterisk_cli.peer import user_of


@pytest.mark.parametrize(
    ("listens", "asks"), [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("::ffff:127.0.0.1", "127.0.0.1")]
)
def test_the_user_of_a_connection_is_known_until_it_is_closed(listens: str, asks: str) -> None:
    family = socket.AF_INET6 if ":" in listens else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as server:
        if family == socket.AF_INET6:
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        server.bind((listens, 0))
        server.listen()
        client = socket.create_connection((asks, server.getsockname()[1]))
        accepted, address = server.accept()
        with accepted:
            own = accepted.getsockname()[:2]
            assert user_of(address[:2], own) == os.geteuid()
            # an orphan would be root's in the kernel's table
            client.close()
            assert user_of(address[:2], own) is None


def test_a_stranger_s_row_is_read_and_one_that_only_lingers_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = "   0: 0100007F:9C40 0100007F:11DE {} 00000000:00000000 00:00000000 00000000  {} 0 {} 1 0 20 4 30 10 -1\n"
    table = tmp_path / "tcp"
    monkeypatch.setattr(peer, "TABLES", (tmp_path / "none", table))
    told = {("01", "1000", "77"): 1000, ("06", "0", "0"): None, ("04", "0", "0"): None, ("01", "0", "0"): None}
    for fields, user in told.items():
        table.write_text("head\n" + row.format(*fields))
        assert user_of(("127.0.0.1", 40000), ("127.0.0.1", 4574)) == user

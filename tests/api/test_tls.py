"""TLS by certificate files."""

import asyncio
import ssl
import subprocess
from pathlib import Path

import pytest
from click import ClickException

from dialer.api.tls import Tls
from dialer.commands.daemon import ask as ask_daemon
from dialer.config import load_settings
from tests.api.asking import START, TASKS, ask, run_command
from tests.api.conftest import running_dialer
from tests.api.test_login import SETTINGS
from tests.rig.waiting import WaitTimeout, wait_for_answer


def make_certificate(folder: Path, name: str) -> tuple[Path, Path]:
    certificate, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-days", "2", "-subj", f"/CN={name}", "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key


def trusting(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=certificate)
    context.check_hostname = False
    return context


async def test_rest_is_served_with_tls_and_cookies_are_secure(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path, "pbx.example")
    http = {**SETTINGS["http"], "tls_certificate": str(certificate), "tls_key": str(key)}
    async with running_dialer({**SETTINGS, "http": http}) as daemon:
        assert daemon.url.startswith("https://")
        tls = trusting(certificate)
        assert (await ask(daemon, "GET", TASKS, ssl=tls)).status == 200
        form = {"login": "admin", "password": "кролик-и-2-удава"}
        reply = await ask(daemon, "POST", START, ssl=tls, data=form)
        assert reply.cookies["PHPSESSID"]["secure"]
        certificate.write_text("junk")  # amid a renewal; the daemon goes on with the old one
        asked = run_command(daemon, "why", "1")
        assert (asked.returncode, "Traceback" in asked.stderr) == (69, False)
        assert "cannot be asked" in asked.stderr
        port = daemon.url.rpartition(":")[2]
        old = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"]
        assert subprocess.run(old, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode != 0


async def test_a_certificate_that_cannot_be_used_is_named_at_the_start(tmp_path: Path) -> None:
    http = {"tls_certificate": str(tmp_path / "none.pem"), "tls_key": str(tmp_path / "none.key")}
    with pytest.raises(
        WaitTimeout, match=r"ended with exit code 78\n(.*\n)*.*\[http\] tls_certificate, tls_key: .*No such file"
    ):
        async with running_dialer({"http": http}):
            pass


async def test_renewed_files_are_read_and_broken_ones_left_alone(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path, "old.example")
    tls = Tls(certificate, key)
    before = tls.context.cert_store_stats()
    certificate.write_text("nothing")
    tls.look()
    assert tls.context.cert_store_stats() == before
    make_certificate(tmp_path, "new.example")
    tls.look()
    assert await wait_for_answer(lambda: _served_name(tls, certificate), lambda name: name == "new.example", "new name")


async def _served_name(tls: Tls, certificate: Path) -> str:
    """The common name that a client is shown."""
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0, ssl=tls.context)
    async with server:
        port = server.sockets[0].getsockname()[1]
        _reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting(certificate))
        subject = writer.get_extra_info("peercert")["subject"]
        writer.close()
        return str(dict(pair[0] for pair in subject)["commonName"])


async def test_commands_ask_a_daemon_with_tls(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path, "pbx.example")
    async with running_dialer({"http": {"tls_certificate": str(certificate), "tls_key": str(key)}}) as daemon:
        settings = load_settings(daemon.config_file)
        assert await asyncio.to_thread(ask_daemon, settings, "GET", "/task") == {"results": []}
        with pytest.raises(ClickException, match="there is no task '7'"):
            await asyncio.to_thread(ask_daemon, settings, "GET", "/task/7")
        await daemon.stop()
        with pytest.raises(ClickException, match=r"the daemon at https://127\.0\.0\.1:\d+ cannot be asked"):
            await asyncio.to_thread(ask_daemon, settings, "GET", "/task")

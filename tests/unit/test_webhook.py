"""Webhooks: the decisions."""

import asyncio
import re
import runpy
import socket
import threading
import time
from pathlib import Path

import pytest

from dialer.api.webhook_sender import RESOLVING_THREADS, ForbiddenAddressError, HttpSender
from dialer.dispatch.webhooks import DeliveryError
from dialer.model.webhook import Fate, Signer, checked_url, fate_of, pause_s, secret_key, shown_url
from tests.rig.receiver import SECRET
from tests.rig.waiting import wait_until


@pytest.mark.parametrize(
    ("status", "fate"),
    [
        (200, Fate.DELIVERED), (204, Fate.DELIVERED), (301, Fate.REFUSED), (400, Fate.REFUSED), (404, Fate.REFUSED),
        (408, Fate.RECEIVER_DOWN), (410, Fate.GONE), (429, Fate.RECEIVER_DOWN), (500, Fate.REFUSED),
        (503, Fate.RECEIVER_DOWN), (None, Fate.RECEIVER_DOWN),
    ],
)  # fmt: skip
def test_what_a_reply_means(status: int | None, fate: Fate) -> None:
    assert fate_of(status) is fate


def test_pauses_double_to_five_minutes_and_are_spread() -> None:
    assert [pause_s(failures, 0.0) for failures in range(1, 11)] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]
    assert pause_s(1000, 1.0) == 360


@pytest.mark.parametrize(
    "url",
    [
        "http://crm.example/hook",
        "https://crm.example",
        "http://192.0.2.1:8080/a?b=c&d=%D1%8F",
        "http://[2001:db8::1]:81/",
    ],
)
def test_addresses_that_are_taken(url: str) -> None:
    assert checked_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "ftp://crm.example/", "crm.example", "//crm.example", "http://", "http://user@crm.example/", "http://a b/",
        "http://crm.example/#x", "http://crm.example/я", "http://crm.example:0/", "http://crm.example:65536/",
        "http://crm.example/\n", "http://crm.example/" + "x" * 2000, "http:///hook", "file:///etc/passwd",
        "http://[1.2.3]/", "http://[:.]/x", "http://[::::]/",
    ],
)  # fmt: skip
def test_addresses_that_are_not(url: str) -> None:
    with pytest.raises(ValueError, match="address such as"):
        checked_url(url)


def test_neither_path_nor_query_are_shown() -> None:
    shown = [shown_url(f"https://crm.example:81/rest/1/{secret}/") for secret in ("aaa", "bbb")]
    assert all(re.fullmatch("https://crm.example:81/…[0-9a-f]{6}", one) for one in shown)
    assert shown[0] != shown[1]
    assert re.fullmatch("http://crm.example/…[0-9a-f]{6}", shown_url("http://crm.example?token=1"))
    assert shown_url("http://[::1]:8080/") == "http://[::1]:8080"
    assert re.fullmatch("mailto:…[0-9a-f]{6}@example.org", shown_url("mailto:boss@example.org"))


@pytest.mark.parametrize("secret", [SECRET, "a plain text of 16 bytes and more"])
def test_the_sample_of_the_documentation_verifies(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTODIALER_WEBHOOK_SECRET", secret)
    sample = runpy.run_path(str(Path(__file__).parents[2] / "docs/examples/python/webhook.py"))
    headers = Signer(secret_key(secret)).headers("result-1", int(time.time()), b"{}")
    assert sample["is_ours"](headers, b"{}", secret)
    assert not sample["is_ours"](headers, b"{ }", secret)


@pytest.mark.parametrize("secret", ["short", "whsec_AAAA", "whsec_%%%", "whsec_"])
def test_a_secret_that_is_none(secret: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        secret_key(secret)


FORBIDDEN = [
    "127.0.0.1", "127.8.9.10", "::1", "169.254.169.254", "fe80::1", "fe80::1%eth0", "0.0.0.7", "::", "224.0.0.1",
    "255.255.255.255", "240.0.0.1", "ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.1.1", "2002:7f00:1::",
    "64:ff9b::7f00:1", "::127.0.0.1",
]  # fmt: skip


@pytest.mark.parametrize("address", FORBIDDEN)
def test_addresses_of_this_machine_and_link_are_refused_unless_allowed(address: str) -> None:
    with pytest.raises(ForbiddenAddressError, match="is not allowed"):
        HttpSender([], 1).check(address)
    HttpSender(["0.0.0.0/0", "::/0"], 1).check(address)


@pytest.mark.parametrize("address", ["10.0.0.5", "192.168.1.7", "192.0.2.1", "fd00::5", "2001:db8::1"])
def test_addresses_of_the_lan_and_beyond_are_not(address: str) -> None:
    HttpSender([], 1).check(address)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/", "http://[::1]:9/", "http://[::ffff:127.0.0.1]:9/", "http://localhost:9/",
            "http://2130706433:9/", "http://0x7f.1:9/", "http://0177.0.0.1:9/", "http://127.1:9/"]
)  # fmt: skip
async def test_no_spelling_gets_round_it_when_the_connection_is_made(url: str) -> None:
    sender = HttpSender([], 2)
    try:
        with pytest.raises(DeliveryError, match=r"is not allowed \(\[webhooks\] allow\)|not an address"):
            await sender.send(url, {}, b"{}")
    finally:
        await sender.close()


async def test_an_error_says_why_and_shows_no_query() -> None:
    sender = HttpSender(["127.0.0.0/8"], 2)
    try:
        with pytest.raises(DeliveryError) as caught:
            await sender.send("http://127.0.0.1:9/hook?token=secret", {}, b"{}")
    finally:
        await sender.close()
    assert "Connection refused" in str(caught.value)
    assert "secret" not in str(caught.value)


async def test_a_reply_is_taken_by_its_status_though_its_body_does_not_come() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
        await reader.read()
        writer.close()

    sender = HttpSender(["127.0.0.0/8"], 5)
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        try:
            port = server.sockets[0].getsockname()[1]
            assert await sender.send(f"http://127.0.0.1:{port}/hook", {}, b"{}") == 200
        finally:
            await sender.close()


async def test_names_that_do_not_resolve_hold_up_no_other_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    answer = threading.Event()

    def resolve(host: str, *_: object, **__: object) -> list[object]:
        asked.append(host)
        answer.wait(10)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    sender = HttpSender([], 10)
    sending = [asyncio.ensure_future(sender.send(f"http://{place}.example/", {}, b"{}")) for place in range(40)]
    try:
        await wait_until(lambda: len(asked) == RESOLVING_THREADS, "names are asked for")
        assert await asyncio.wait_for(asyncio.to_thread(lambda: "free"), 5) == "free"
        answer.set()
        errors = await asyncio.gather(*sending, return_exceptions=True)
        assert {str(error) for error in errors} == {"Name or service not known"}
    finally:
        answer.set()
        await sender.close()


@pytest.mark.parametrize("address", ["192.168.1.5", "10.0.0.1", "172.16.3.4", "fd00::1", "::ffff:10.0.0.1"])
async def test_private_networks_are_the_pbx_s_own_crm_s_only_and_of_others_where_they_are_allowed(address: str) -> None:
    own, others = HttpSender([], 5), HttpSender([], 5, private=False)
    named = HttpSender(["192.168.0.0/16", "10.0.0.0/8", "172.16.0.0/12", "fd00::/8"], 5, private=False)
    own.check(address)
    named.check(address)
    with pytest.raises(ForbiddenAddressError, match="not allowed"):
        others.check(address)
    others.check("8.8.8.8")
    for sender in (own, others, named):
        await sender.close()

"""Webhooks: the decisions."""

import pytest

from dialer.api.webhook_sender import ForbiddenAddressError, HttpSender
from dialer.dispatch.webhooks import DeliveryError
from dialer.model.webhook import Fate, checked_url, fate_of, pause_s, secret_key, shown_url


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
    ],
)  # fmt: skip
def test_addresses_that_are_not(url: str) -> None:
    with pytest.raises(ValueError, match="address such as"):
        checked_url(url)


def test_a_query_is_not_shown() -> None:
    assert shown_url("http://crm.example/hook?token=1") == "http://crm.example/hook"


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

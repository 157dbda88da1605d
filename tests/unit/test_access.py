"""Who a request is from, what a role may do, how often a password may be tried."""

import hashlib
import itertools
from typing import Any

import argon2
import pytest
from aiohttp.test_utils import make_mocked_request
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from dialer.api.access.addresses import PASSED_ON, Peer, Peers
from dialer.commands.access import passwd
from dialer.model.access import FailedLogins, Role

PROXY, CLIENT, OTHER = "192.0.2.1", "198.51.100.7", "203.0.113.9"
PEERS = Peers([PROXY, "192.0.2.16/28", "2001:db8::/64"], own_tls=False)


hops = st.lists(st.one_of(st.ip_addresses().map(str), st.sampled_from(["", "unknown", '"', "for=1", "1.2.3", "[::1"])))
quoted = st.lists(st.sampled_from(["for=", '"', "\\", ";", ",", "=", " ", "x", OTHER, "[", "]"]), max_size=12).map(
    "".join
)
sent_by_client = st.one_of(
    quoted, hops.map(", ".join), st.text(st.characters(codec="latin-1", categories=["L", "N", "P"]))
)


class Wire:
    """What aiohttp asks a connection for."""

    def __init__(self, remote: str) -> None:
        self._remote = remote

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return (self._remote, 40_000) if name == "peername" else default


def peer(remote: str, *headers: tuple[str, str], host: str = "127.0.0.1:8088") -> Peer:
    request = make_mocked_request(
        "GET", "/health", headers=CIMultiDict([("Host", host), *headers]), transport=Wire(remote)
    )
    return PEERS.peer_of(request)


@pytest.mark.parametrize("remote", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_this_machine_is_local(remote: str) -> None:
    assert peer(remote).local


@pytest.mark.parametrize("remote", [PROXY, CLIENT, "2001:db8::1", "169.254.1.1", "10.0.0.1", ""])
def test_nobody_else_is(remote: str) -> None:
    assert not peer(remote).local
    assert not peer(remote, ("X-Forwarded-For", "127.0.0.1")).local
    assert not peer(remote, ("Forwarded", "for=127.0.0.1")).local


@pytest.mark.parametrize("header", PASSED_ON)
def test_what_was_passed_on_is_never_local(header: str) -> None:
    assert not peer("127.0.0.1", (header, "127.0.0.1")).local
    assert not peer("127.0.0.1", (header, "")).local


@pytest.mark.parametrize(
    ("headers", "address"),
    [
        ([("X-Forwarded-For", CLIENT)], CLIENT),
        ([("X-Forwarded-For", f"127.0.0.1, {CLIENT}")], CLIENT),
        ([("X-Forwarded-For", "127.0.0.1"), ("X-Forwarded-For", CLIENT)], CLIENT),
        ([("X-Forwarded-For", f"{OTHER}, {CLIENT}, 192.0.2.17")], CLIENT),
        ([("X-Forwarded-For", f"{CLIENT}:4711")], CLIENT),
        ([("X-Forwarded-For", "[2001:db8:1::5]:4711")], "2001:db8:1::5"),
        ([("X-Forwarded-For", "::ffff:198.51.100.7")], CLIENT),
        ([("X-Forwarded-For", "unknown")], PROXY),
        ([("X-Forwarded-For", "unknown, 192.0.2.17")], "192.0.2.17"),
        ([("X-Forwarded-For", "192.0.2.17")], "192.0.2.17"),
        ([("Forwarded", f"for={CLIENT};proto=https")], CLIENT),
        ([("Forwarded", f'for=127.0.0.1, for="{CLIENT}:80"')], CLIENT),
        ([("Forwarded", 'for="[2001:db8:1::5]:80"')], "2001:db8:1::5"),
        ([("Forwarded", "for=_hidden")], PROXY),
        ([("Forwarded", f"for={OTHER} , for={CLIENT} ; proto=http")], CLIENT),
        ([("Forwarded", f'For="{CLIENT}";by="a\\"b"')], CLIENT),
        ([("Forwarded", f'for={OTHER};x=", for="[2001:db8:1::5]"')], PROXY),
        ([("Forwarded", f'for={OTHER};x=", for={CLIENT};host="crm:443"')], PROXY),
        ([("Forwarded", f'for={OTHER};x="'), ("Forwarded", f'for={CLIENT};host="crm:443"')], PROXY),
        ([("Forwarded", f'for={OTHER};x="\\'), ("Forwarded", f'for="{CLIENT}"')], PROXY),
        ([("Forwarded", f"for={OTHER} for={CLIENT}")], PROXY),
        ([("Forwarded", f"for={OTHER}"), ("X-Forwarded-For", CLIENT)], PROXY),
        ([("X-Real-IP", CLIENT)], PROXY),
    ],
)
def test_a_trusted_proxy_is_believed_for_what_it_has_seen_itself(headers: list[tuple[str, str]], address: str) -> None:
    assert peer(PROXY, *headers).address == address


def test_who_is_not_told_by_a_proxy_is_the_proxy_and_known_as_such() -> None:
    assert peer(PROXY, ("Forwarded", "for=unknown")).is_proxy
    assert not peer(PROXY, ("Forwarded", f"for={CLIENT}")).is_proxy
    assert not peer(CLIENT, ("Forwarded", f"for={PROXY}")).is_proxy


@given(sent_by_client, st.sampled_from(['for="[2001:db8:1::5]"', f'for={CLIENT};host="crm:443"', f"for={CLIENT}"]))
@settings(max_examples=300)
def test_no_text_of_a_client_changes_what_a_proxy_says_behind_it(claimed: str, said: str) -> None:
    assert peer(PROXY, ("Forwarded", f"{claimed}, {said}")).address in (PROXY, "2001:db8:1::5", CLIENT)


@pytest.mark.parametrize("header", [("X-Forwarded-For", OTHER), ("Forwarded", f"for={OTHER};proto=https")])
def test_who_is_no_proxy_is_not_believed(header: tuple[str, str]) -> None:
    assert peer(CLIENT, header) == Peer(CLIENT, False, False, True)


@given(sent_by_client)
@settings(max_examples=200)
def test_what_a_client_says_of_itself_changes_nothing(claimed: str) -> None:
    """A proxy appends to what its client has sent."""
    assert peer(PROXY, ("X-Forwarded-For", f"{claimed}, {CLIENT}")).address == CLIENT
    assert peer(PROXY, ("X-Forwarded-For", claimed), ("X-Forwarded-For", CLIENT)).address == CLIENT


@given(
    st.sampled_from([PROXY, CLIENT, "127.0.0.1", "::1"]),
    st.lists(st.tuples(st.sampled_from(["X-Forwarded-For", "Forwarded", "Origin"]), sent_by_client), min_size=1),
    sent_by_client,
)
@settings(max_examples=200)
def test_no_headers_make_anybody_local_who_is_not_or_raise(
    remote: str, headers: list[tuple[str, str]], host: str
) -> None:
    passed_on = any(name in PASSED_ON for name, _ in headers)
    found = peer(remote, *headers, host=host)
    assert found.counted_as
    assert not (found.local and (passed_on or remote in (PROXY, CLIENT)))


@pytest.mark.parametrize("host", ["attacker.example", "attacker.example:8088", "127.0.0.1.attacker.example", "", "["])
def test_a_foreign_name_for_this_machine_is_not_local(host: str) -> None:
    assert not peer("127.0.0.1", host=host).local


@pytest.mark.parametrize(
    "header",
    [
        ("Origin", "http://attacker.example"),
        ("Origin", "null"),
        ("Origin", "http://["),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
    ],
)
def test_what_another_sites_page_sends_is_not_local(header: tuple[str, str]) -> None:
    found = peer("127.0.0.1", header)
    assert not found.local
    assert not found.same_site


def test_ipv6_is_counted_by_the_network_a_customer_has() -> None:
    assert peer("2001:db8:1:2::5").counted_as == peer("2001:db8:1:2:ffff::9").counted_as == "2001:db8:1:2::/64"
    assert peer("2001:db8:1:3::5").counted_as != peer("2001:db8:1:2::5").counted_as
    assert peer(CLIENT).counted_as == CLIENT


def test_each_role_may_do_what_those_before_it_may() -> None:
    for (rank, role), (other_rank, other) in itertools.product(enumerate(Role), repeat=2):
        assert role.covers(other) is (rank >= other_rank)


def test_so_many_failures_within_a_time_and_no_more() -> None:
    failed = FailedLogins(most=3, within_s=100.0)
    for now_s in (0.0, 10.0, 20.0):
        assert failed.wait_s(CLIENT, now_s) == 0.0
        failed.failed(CLIENT, now_s)
    assert failed.wait_s(CLIENT, 20.0) == 80.0
    assert failed.wait_s(OTHER, 20.0) == 0.0
    assert failed.wait_s(CLIENT, 100.0) == 0.0
    failed.failed(CLIENT, 100.0)
    assert failed.wait_s(CLIENT, 100.0) == 10.0
    failed.succeeded(CLIENT, "")
    assert failed.wait_s(CLIENT, 100.0) == 0.0


def test_who_has_a_login_of_his_own_may_not_guess_at_another_without_end() -> None:
    failed, guesses = FailedLogins(most=10, within_s=100.0), 0
    while not failed.wait_s(CLIENT, 0.0) and guesses < 100:
        failed.failed(CLIENT, 0.0, "reader" if guesses % 9 == 8 else "admin")
        guesses += 1
        if guesses % 9 == 0:
            failed.succeeded(CLIENT, "reader")
    assert guesses == 11
    assert failed.wait_s(CLIENT, 0.0) == 100.0


def test_addresses_without_end_do_not_fill_the_memory() -> None:
    failed = FailedLogins(most=1, addresses=100)
    for place in range(1000):
        failed.failed(str(place), 0.0)
    assert sum(failed.wait_s(str(place), 0.0) > 0 for place in range(1000)) == 100
    assert failed.wait_s("999", 0.0) > 0


PASSWORD = "пароль склада"


def hash_printed(*arguments: str) -> str:
    printed = CliRunner().invoke(passwd, arguments, input=f"{PASSWORD}\n")
    assert (printed.exit_code, printed.output[:17]) == (0, 'password_hash = "')
    return printed.output.split('"')[1]


def test_a_votbox_clients_hash_is_of_the_md5_that_it_sends() -> None:
    sent = hashlib.md5(PASSWORD.encode(), usedforsecurity=False).hexdigest()
    hasher = argon2.PasswordHasher()
    assert hasher.verify(hash_printed("--votbox"), sent)
    assert hasher.verify(hash_printed(), PASSWORD)
    with pytest.raises(argon2.exceptions.VerifyMismatchError):
        hasher.verify(hash_printed("--votbox"), PASSWORD)


def test_a_password_that_is_too_short_has_no_hash() -> None:
    for arguments in ([], ["--votbox"]):
        refused = CliRunner().invoke(passwd, arguments, input="7 signs\n")
        assert (refused.exit_code, "8 to" in refused.output) == (1, True)

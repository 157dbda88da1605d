"""What is read from the dialplan's events."""

import pytest

from dialer.pbx.events import is_ours, read_sent


def test_an_event_of_ours_tells_when_it_was_written() -> None:
    assert read_sent({"UserEvent": "AutodialerGone", "Sent": "1792800000.250"}) == 1_792_800_000.25


@pytest.mark.parametrize("sent", ["", "now", "1e999", "nan", "-5.0", "20261127151200", "1792800000", "1.2.3"])
def test_what_is_no_time_is_none(sent: str) -> None:
    assert read_sent({"UserEvent": "AutodialerGone", "Sent": sent}) is None


def test_an_event_may_not_tell_it() -> None:
    assert read_sent({"UserEvent": "AutodialerGone"}) is None


@pytest.mark.parametrize(
    ("message", "ours"), [({}, False), ({"UserEvent": "Theirs"}, False), ({"UserEvent": "AutodialerGone"}, True)]
)
def test_our_events_are_told_from_others(message: dict[str, str], ours: bool) -> None:
    assert is_ours(message) is ours

"""Lines of ours in files of others come out again, to the byte, and nothing else with them."""

from hypothesis import given
from hypothesis import strategies as st

from dialer.install.marked import MARK, add_lines, our_lines, take_out

theirs = st.lists(
    st.sampled_from(
        [b"[general]\n", b"a = b\r\n", b"\n", b"\r\n", b"; comment\n", b"\xff\xfe\n", b"x => 1", b"   ", b"\r"]
    ),
    max_size=8,
).map(b"".join)
ours = st.lists(st.sampled_from(['#tryinclude "a.conf"', "[general](+)", "enabled = yes"]), min_size=1, max_size=3)


@given(theirs, ours)
def test_taken_out_a_file_is_what_it_was(content: bytes, lines: list[str]) -> None:
    with_ours = add_lines(content, lines)
    assert with_ours.startswith(content)
    assert our_lines(with_ours) == lines
    assert take_out(with_ours) == content


@given(theirs, ours, theirs)
def test_what_is_written_behind_ours_stays(content: bytes, lines: list[str], later: bytes) -> None:
    left = take_out(add_lines(content, lines) + later)
    assert left.replace(b"\n", b"") == (content + later).replace(b"\n", b"")
    ended = content if content.endswith(b"\n") or not content or not later else content + b"\n"
    assert left == ended + later


@given(theirs)
def test_a_file_without_our_mark_stays_as_it_is(content: bytes) -> None:
    assert take_out(content) == content
    assert our_lines(content) == []


def test_a_line_of_ours_that_was_moved_is_found() -> None:
    moved = b'[a]\n#include "x" ' + MARK + b"\nb = c\n"
    assert take_out(moved) == b"[a]\nb = c\n"

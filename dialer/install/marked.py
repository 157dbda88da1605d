"""Lines of ours in somebody else's configuration file: each carries a mark, so that they can be taken out again
wherever they have come to stand, and nothing else with them."""

from collections.abc import Sequence

MARK = b"; added by `dialer install`"
JOINED = MARK + b", the line above had no end"
"""On our first line when the file did not end with a line's end: that end goes when we go."""


def add_lines(content: bytes, lines: Sequence[str]) -> bytes:
    """The file with these lines at its end, each marked. `take_out` gives the file back to the byte."""
    if not lines:
        return content
    joined = bool(content) and not content.endswith(b"\n")
    marks = [JOINED if joined else MARK, *([MARK] * (len(lines) - 1))]
    added = b"".join(line.encode() + b" " + mark + b"\n" for line, mark in zip(lines, marks, strict=True))
    return content + (b"\n" if joined else b"") + added


def take_out(content: bytes) -> bytes:
    """The file without the lines that carry our mark."""
    kept: list[bytes] = []
    for line in _split(content):
        text = line.rstrip(b"\r\n")
        if text.endswith(JOINED):
            if kept and kept[-1].endswith(b"\n"):
                kept[-1] = kept[-1][:-1]
        elif not text.endswith(MARK):
            if kept and not kept[-1].endswith(b"\n"):  # somebody has written behind the line that had no end
                kept[-1] += b"\n"
            kept.append(line)
    return b"".join(kept)


def our_lines(content: bytes) -> list[str]:
    """What stands there with our mark, without it."""
    found = []
    for line in _split(content):
        text = line.rstrip(b"\r\n")
        for mark in (JOINED, MARK):
            if text.endswith(b" " + mark):
                found.append(text.removesuffix(b" " + mark).decode(errors="replace"))
                break
    return found


def _split(content: bytes) -> list[bytes]:
    """Lines as Asterisk sees them: only a line feed ends one."""
    lines = content.split(b"\n")
    return [line + b"\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])

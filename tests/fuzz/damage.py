"""What becomes of sound bytes on the way, as hypothesis draws it; the same in every run."""

from collections.abc import Sequence

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

NASTY = (
    b"", b"\0", b"\n", b"\r\n", b"\r\n\r\n", b"\r", b": ", b":", b"-1", b"--5", b"9" * 25, b"9" * 5000,
    b"\xd9\xa3", b"\xff\xfe", b"\xd0", b"\xf0\x9f\x98\x80", b"1e999", b"NaN", b"|", b"/", b"|||||||||", b"@",
    b"\x1a", b'"', b"&lol;", b"HANGUP\n", b"100 Trying\n", b"520-x\n", b"520 x\n", b"511\n", b"200 result=",
    b" " * 300, b"x" * 9000,
)  # fmt: skip
nasty = st.sampled_from(NASTY)


def bounded(examples: int) -> settings:
    """So many examples, always the same ones, however slow the machine is."""
    return settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    )


@st.composite
def damaged(draw: st.DrawFn, seeds: Sequence[bytes]) -> bytes:
    """One of the seeds with up to five injuries."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(1, 5))):
        begin = draw(st.integers(0, len(data)))
        end = min(len(data), begin + draw(st.sampled_from((0, 1, 2, 4, 16, 100, 1000))))
        match draw(st.sampled_from(("flip", "flip", "put", "put", "drop", "twice", "cut", "swap"))):
            case "flip" if begin < len(data):
                flipped = data[begin] ^ draw(st.integers(1, 255))
                data = data[:begin] + bytes([flipped]) + data[begin + 1 :]
            case "put":
                data = data[:begin] + draw(nasty | st.binary(max_size=8)) + data[end:]
            case "drop":
                data = data[:begin] + data[end:]
            case "twice":
                data = data[:end] + data[begin:]
            case "cut":
                data = data[:begin]
            case "swap":
                other = draw(st.sampled_from(seeds))
                data = data[:begin] + other[draw(st.integers(0, len(other))) :]
    return data

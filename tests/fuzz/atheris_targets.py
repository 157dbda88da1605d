"""Coverage-guided fuzzing: `python -m tests.fuzz.atheris_targets agi|ami|sheets SECONDS [FILE …]`.

What earlier runs found worth keeping lies in `.fuzz/` and is begun with; bytes that break a property are left there as
`…crash-…`, `…timeout-…` or `…oom-…`. With files, these are tried and nothing else.
"""

import hashlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["agi", "dialer", "panoramisk", "openpyxl", "xlrd"]):
    from tests.fuzz.agi_target import check_agi
    from tests.fuzz.ami_target import check_ami
    from tests.fuzz.damage import NASTY
    from tests.fuzz.seeds import SEEDS
    from tests.fuzz.sheets_target import check_sheets

CHECKS = {"agi": check_agi, "ami": check_ami, "sheets": check_sheets}
SLOWEST_S = 20
MOST_MB = 1024
LONGEST_BYTES = 16_384
LONGEST_WORD_BYTES = 64
_WORDS = {
    "agi": re.compile(rb"[^\n]+\n|[a-z_]+[=:] ?"),
    "ami": re.compile(rb"[^\r\n]+\r\n"),
    "sheets": re.compile(rb"""<[A-Za-z]+ |[A-Za-z]+="[^"]*\""""),
}


def words(name: str) -> Iterator[bytes]:
    """What the seeds are made of, for libFuzzer to put elsewhere."""
    found = {word for seed in SEEDS[name]() for word in _WORDS[name].findall(seed)}
    yield from (word for word in sorted({*found, *NASTY}) if 0 < len(word) <= LONGEST_WORD_BYTES)


def main() -> None:
    name, seconds, *files = sys.argv[1:]
    folder = Path(".fuzz") / name
    folder.mkdir(parents=True, exist_ok=True)
    for seed in SEEDS[name]():
        (folder / hashlib.sha256(seed).hexdigest()[:20]).write_bytes(seed)
    dictionary = folder.with_suffix(".dict")
    lines = ("".join(f"\\x{byte:02x}" for byte in word) for word in words(name))
    dictionary.write_text("".join(f'"{line}"\n' for line in lines))
    atheris.Setup(
        [
            name,
            f"-max_total_time={int(seconds)}",
            f"-timeout={SLOWEST_S}",
            f"-rss_limit_mb={MOST_MB}",
            f"-max_len={LONGEST_BYTES}",
            f"-artifact_prefix={folder}-",
            f"-dict={dictionary}",
            "-print_final_stats=1",
            *(files or [str(folder)]),
        ],
        CHECKS[name],
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()

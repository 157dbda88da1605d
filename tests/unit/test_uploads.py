"""Uploaded originals on a real disk."""

import threading
from pathlib import Path

import pytest

from dialer.speech.uploads import Uploads, check_name


@pytest.fixture
def uploads(tmp_path: Path) -> Uploads:
    made = Uploads(tmp_path)
    made.set_up()
    return made


def put(uploads: Uploads, name: str, content: bytes) -> Path:
    temporary = uploads.aside()
    temporary.write_bytes(content)
    return uploads.save(name, temporary)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "empty"),
        ("../x.mp3", "path"),
        ("/etc/passwd", "path"),
        ("C:\\dir\\name.mp3", "path"),
        (".", "dot"),
        ("..", "dot"),
        (".hidden.mp3", "dot"),
        ("a\0.mp3", "control"),
        ("a\n.mp3", "control"),
        ("a\x7f.mp3", "control"),
        ("a\x85.mp3", "control"),
        ("я" * 300, "255 bytes"),
        ("я" * 128, "255 bytes"),
        ("a\udcff.mp3", "UTF-8"),
    ],
)
def test_names_that_are_refused_say_why(name: str, reason: str, uploads: Uploads) -> None:
    with pytest.raises(ValueError, match=reason):
        check_name(name)
    with pytest.raises(ValueError, match=reason):
        uploads.path_of(name)


@pytest.mark.parametrize(
    "name", ["1.mp3", "Привет, мир!.wav", "a \"b\" 'c'.ogg", "100%.mp3", "без окончания", "я" * 127]
)
def test_names_of_people_are_taken(name: str) -> None:
    assert check_name(name) == name


def test_a_name_is_the_same_in_both_spellings_of_unicode(uploads: Uploads) -> None:
    assert uploads.path_of("й.mp3") == uploads.path_of("и\u0306.mp3")


def test_a_path_says_nothing_but_hexadecimal_digits_and_a_plain_ending(uploads: Uploads, tmp_path: Path) -> None:
    endings = {"1.mp3": ".mp3", "1.MP3": ".mp3", "x": "", "x.": "", "x.музыка": "", "x.toolong": "", "x.a b": ""}
    for name, ending in endings.items():
        path = uploads.path_of(name)
        assert path.parent == tmp_path / "uploads"
        assert path.suffix == ending
        assert len(path.stem) == 32
        assert set(path.stem) <= set("0123456789abcdef")
    assert len({uploads.path_of(name) for name in endings}) == len(endings)


def test_the_same_name_replaces_and_what_is_open_reads_on(uploads: Uploads) -> None:
    path = put(uploads, "1.mp3", b"old" * 1000)
    with path.open("rb") as playing:
        assert playing.read(3) == b"old"
        assert put(uploads, "1.mp3", b"new") == path
        assert playing.read() == b"old" * 999
    assert path.read_bytes() == b"new"


def test_at_any_moment_one_whole_file_is_seen(uploads: Uploads, tmp_path: Path) -> None:
    contents = [bytes([letter]) * 100_000 for letter in b"abcd"]
    path = put(uploads, "1.mp3", contents[0])
    writers = [
        threading.Thread(target=lambda one=one: [put(uploads, "1.mp3", one) for _ in range(20)]) for one in contents
    ]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert path.read_bytes() in contents
    assert path.read_bytes() in contents
    assert names_in(tmp_path / "uploads") == [path.name]


def test_a_refused_name_leaves_the_file_where_it_was(uploads: Uploads) -> None:
    temporary = uploads.aside()
    temporary.write_bytes(b"x")
    with pytest.raises(ValueError, match="path"):
        uploads.save("../x.mp3", temporary)
    assert temporary.exists()


def test_removing_is_final_and_may_be_repeated(uploads: Uploads) -> None:
    path = put(uploads, "1.mp3", b"x")
    for _ in range(2):
        uploads.remove("1.mp3")
        assert not path.exists()


def test_a_start_keeps_files_and_removes_what_a_crash_broke_off(uploads: Uploads, tmp_path: Path) -> None:
    kept = put(uploads, "1.mp3", b"x"), put(uploads, "part", b"x")
    uploads.aside().write_bytes(b"half")
    again = Uploads(tmp_path)
    again.set_up()
    assert names_in(tmp_path / "uploads") == sorted(path.name for path in kept)
    assert again.path_of("1.mp3") == kept[0]

"""FLIST and StopPhoneFileName: nothing of a file is lost without a word."""

import csv
import io
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.api.votbox.errors import Code, VotboxError
from dialer.api.votbox.phone_list import BadLine, ListedLine, read_list, read_stop_list
from dialer.model.flow import Voice
from dialer.model.hours import zone_named


def line_of(text: str) -> ListedLine:
    found = read_list(text.encode())
    assert found.bad == []
    (line,) = found.lines
    return line


def test_the_documents_own_line_is_read() -> None:
    line = line_of(
        "8 (812) 111-22-33; Иванов~договор 5; 2026-07-18 14:30:00; hello; 1; Ваш долг {S} руб., {S}; 100; {S}; 45;"
        " 2026-07-19 10:00; 2,5; 007; 8 812 2223344; 812 333-44-55"
    )
    assert line == ListedLine(
        line_number=1,
        sent="8 (812) 111-22-33",
        phone="88121112233",
        descr="Иванов~договор 5",
        not_before=datetime(2026, 7, 18, 9, 0, tzinfo=UTC),
        file_id="hello",
        voice=Voice.MALE,
        text="Ваш долг 100 руб., {S}",
        ring_timeout_s=45,
        until=datetime(2026, 7, 19, 4, 30, tzinfo=UTC),
        zone="+5.5",
        client_id="007",
        employee="88122223344",
        caller_id="78123334455",
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_encoding_and_any_line_end_reads_the_same(encoding: str, end: str) -> None:
    text = end.join(
        ["", "88121112233;Иванов", " ; ; ", '88121112234;"ООО ""Роса"";', 'второй этаж" ', "88121112235;;;;", ""]
    )
    found = read_list(text.encode(encoding))
    assert found.bad == []
    assert [(one.line_number, one.phone, one.descr) for one in found.lines] == [
        (2, "88121112233", "Иванов"),
        (4, "88121112234", 'ООО "Роса";\nвторой этаж'),
        (6, "88121112235", ""),
    ]


@pytest.mark.parametrize(
    ("text", "not_before", "until"),
    [
        ("2026-07-18 14:30:05", "18 11:30:05", "18 11:30:05"),
        ("2026-07-18 14:30", "18 11:30:00", "18 11:30:00"),
        ("2026-07-18T9:05", "18 06:05:00", "18 06:05:00"),
        ("18.07.2026 14:30", "18 11:30:00", "18 11:30:00"),
        ("18.7.2026 14:30:05", "18 11:30:05", "18 11:30:05"),
        ("2026-07-18", "17 21:00:00", "18 21:00:00"),
        ("18.07.2026", "17 21:00:00", "18 21:00:00"),
    ],
)
def test_times_are_moscows(text: str, not_before: str, until: str) -> None:
    assert f"{line_of(f'101;;{text}').not_before:%d %H:%M:%S}" == not_before
    assert f"{line_of(f'101;;;;;;;{text}').until:%d %H:%M:%S}" == until


@given(st.integers(-15 * 60, 11 * 60), st.datetimes(datetime(2020, 1, 1), datetime(2090, 1, 1)))
def test_a_shifted_time_is_what_the_subscribers_clock_shows(ahead_min: int, wall: datetime) -> None:
    wall = wall.replace(second=0, microsecond=0)
    line = line_of(f"101;;{wall:%Y-%m-%d %H:%M};;;;;;{round(ahead_min / 60, 2)}")
    assert line.not_before is not None
    shown = line.not_before.astimezone(zone_named(line.zone, UTC)).replace(tzinfo=None)
    assert abs((shown - wall).total_seconds()) == 0


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("", "Europe/Moscow"),
        ("0", "Europe/Moscow"),
        ("+2", "+5"),
        ("-3", "+0"),
        ("-4.5", "-1.5"),
        ("11", "+14"),
        ("-15", "-12"),
        ("5,75", "+8.75"),
    ],
)
def test_the_zone_is_three_hours_and_the_shift(text: str, zone: str) -> None:
    assert line_of(f"101;;;;;;;;{text}").zone == zone


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("Телефон;Имя", "номер телефона: .*«Телефон»"),
        (";Иванов", "номер телефона"),
        ("88121112233,88121112234", "номер телефона"),
        ("7,9522233446E+10", "номер телефона"),
        ("8;;вчера", "TIME: ожидается дата"),
        ("8;;2026-02-30", "TIME: такой даты"),
        ("8;;2026-02-03 24:00", "TIME: ожидается дата"),
        ("8;;1899-12-31", "TIME: такой даты"),
        ("8;;9999-12-31", "TIME: такой даты"),
        ("8;;;;2", "VOICEID"),
        ("8;;;;;{S} и {S};1", "VOICETEXT: маркеров {S} 2, а значений после текста 1"),
        ("8;;;;;{S};1;2;;;;;;9", "лишнее поле «9»"),
        ("8;;;;;;0", "DIALTIMEOUT"),
        ("8;;;;;;301", "DIALTIMEOUT"),
        ("8;;;;;;٣", "DIALTIMEOUT"),
        ("8;;2026-07-18 10:00;;;;;2026-07-18 10:00", "DTEND: .*TIME"),
        ("8;;;;;;;;12", "DTDIFF"),
        ("8;;;;;;;;-15.5", "DTDIFF"),
        ("8;;;;;;;;1:30", "DTDIFF"),
        ("8;;;;;;;;;A1", "CLIID"),
        ("8;;;;;;;;;;SIP/101", "CCPHONE"),
        ("8;;;;;;;;;;;123", "ANI"),
        ("8;;;;;;;;;;;98121112233", "ANI"),
        ("8;;;;;;;;;;;;13", "лишнее поле «13»"),
        ("8;" + "x" * 10_001, "длиннее 10000 знаков"),
        ("8;;;;;" + "{S}" * 2 + (";" + "x" * 9_000) * 2, "длиннее 5000 знаков"),
        ('8;"ООО "Роса""', "кавычка"),
        ('8;"ООО', "кавычка"),
    ],
)
def test_a_wrong_column_spoils_its_line_and_is_named(line: str, reason: str) -> None:
    found = read_list(f"101\r\n\r\n{line}\r\n102".encode())
    assert [one.phone for one in found.lines] == ["101", "102"]
    (bad,) = found.bad
    assert bad[:2] == (3, line[:200])
    with pytest.raises(ValueError, match=reason):
        raise ValueError(bad.reason)


def test_a_number_counts_once_however_it_is_spelled() -> None:
    found = read_list("8 812 111-22-33;первый\nx\n+78121112233;второй\n8121112233;;вчера".encode())
    assert [one.descr for one in found.lines] == ["первый"]
    assert found.bad[1] == BadLine(3, "+78121112233;второй", "этот номер уже есть в строке 1")
    assert [one.number for one in found.bad] == [2, 3, 4]
    assert read_list("8121112233;;вчера\n8121112233".encode()).lines[0].line_number == 2


def test_one_quote_left_open_costs_one_line() -> None:
    lines = [f"8812{number:07};Иванов {number}" for number in range(100_000)]
    lines[500] = lines[500].replace("Иванов", '"Иванов')
    lines[50_000] = lines[50_000].replace("Иванов", '"Иванов')
    found = read_list("\n".join(lines).encode())
    assert [one.number for one in found.bad] == [501, 50_001]
    assert len(found.lines) == 99_998


DAMAGED = st.lists(st.text(st.sampled_from('";; aЯ')), min_size=1, max_size=30)


@given(DAMAGED)
def test_whatever_becomes_of_quotes_every_line_is_taken_or_reported(descriptions: list[str]) -> None:
    text = "\n".join(f"8812{number:07};{one}" for number, one in enumerate(descriptions, start=1))
    found = read_list(text.encode())
    told = [one.line_number for one in found.lines] + [one.number for one in found.bad]
    assert sorted(told) == list(range(1, len(descriptions) + 1))
    assert all(int(one.phone[4:]) == one.line_number for one in found.lines)


CELL = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=20).map(str.strip)


@given(st.lists(st.tuples(CELL, CELL, st.lists(CELL, max_size=3)), max_size=10), st.sampled_from(["\n", "\r\n"]))
def test_what_a_csv_writer_writes_is_read_back(rows: list[tuple[str, str, list[str]]], end: str) -> None:
    file = io.StringIO()
    writer = csv.writer(file, delimiter=";", lineterminator=end)
    for number, (descr, word, values) in enumerate(rows):
        text = f"{word}{{S}}" * len(values)
        writer.writerow([f"8812{number:07}", descr, "", "", "", text, *values, 1 + number])
    found = read_list(file.getvalue().encode())
    assert found.bad == []
    expected: list[tuple[Any, ...]] = [
        (f"8812{number:07}", descr, "".join(f"{word}{value}" for value in values), 1 + number)
        for number, (descr, word, values) in enumerate(rows)
    ]
    assert [(one.phone, one.descr, one.text, one.ring_timeout_s) for one in found.lines] == expected


@given(st.binary())
def test_any_bytes_are_a_list_or_refused(content: bytes) -> None:
    for read in (read_list, read_stop_list):
        try:
            read(content)
        except VotboxError as error:
            assert error.code is Code.WRONG


def test_a_file_that_is_no_text_is_refused_by_its_fields_name() -> None:
    for content in (b"PK\3\4\0\0", "Иванов".encode() + b"\xff"):
        with pytest.raises(VotboxError, match=r"^FLIST: "):
            read_list(content)
        with pytest.raises(VotboxError, match=r"^StopPhoneFileName: "):
            read_stop_list(content)


def test_a_stop_list_names_numbers_calls_or_both() -> None:
    lines, bad = read_stop_list(b'PHONE;ITEMID\n8 812 111-22-33\n;17\n\n"101";"18";\n102;19;20')
    assert lines == [("88121112233", None), (None, "17"), ("101", "18")]
    assert [one.number for one in bad] == [1, 6]


def test_a_long_list_is_read_in_seconds() -> None:
    text = "\n".join(
        f"8 812 {number:07};Иванов;2026-07-18 {number % 24}:{number % 60:02};;1;Долг {{S}};{number};45;2026-09-01;2"
        for number in range(100_000)
    )
    began = time.process_time()
    found = read_list(text.encode())
    assert time.process_time() - began < 10
    assert (len(found.lines), found.bad) == (100_000, [])

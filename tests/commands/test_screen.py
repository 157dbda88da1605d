"""What others say is printed as it is."""

import pytest

from dialer.commands.screen import console

ODD = "[/etc/foo] [red]:cat:"


def test_brackets_and_colons_are_no_language(capsys: pytest.CaptureFixture[str]) -> None:
    console(soft_wrap=True).print(ODD)
    console(stderr=True).print(ODD)
    assert capsys.readouterr() == (f"{ODD}\n", f"{ODD}\n")

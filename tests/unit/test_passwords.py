"""What stands in for a password that is not set."""

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import VerifyMismatchError

from dialer.api.access.passwords import Password, hash_of_nothing, hash_password


def test_a_hash_of_nothing_costs_what_another_does_and_fits_nothing() -> None:
    """`VerifyMismatchError` comes of the whole computation, `InvalidHashError` would come at once."""
    stand_in = hash_of_nothing()
    assert extract_parameters(stand_in) == extract_parameters(hash_password("dlinnyj parol"))
    with pytest.raises(VerifyMismatchError):
        PasswordHasher().verify(stand_in, "")
    assert stand_in != hash_of_nothing()


@pytest.mark.parametrize("login", ["admin", "other"])
async def test_without_a_password_nobody_gets_in(login: str) -> None:
    assert not await Password("admin", "").is_right(login, "")

"""The directory of clients on a real SQLite file."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event

from dialer.store.clients import (
    Client,
    ClientChange,
    ClientPhone,
    delete_client,
    fetch_properties,
    find_client_by_phone,
    save_clients,
)
from dialer.store.database import Store
from tests.store.making import ask

HOME = ClientPhone("79522233446", "9522233446")
WORK = ClientPhone("+74951234567", "4951234567")


async def properties_of(store: Store, phone: ClientPhone) -> dict[str, object]:
    return await store.read(lambda connection: fetch_properties(connection, phone.phone_id))


async def find(store: Store, phone: ClientPhone) -> Client | None:
    return await store.read(lambda connection: find_client_by_phone(connection, phone.phone_id))


async def test_a_client_is_found_by_each_of_its_phones(store: Store) -> None:
    (saved,) = await store.write(save_clients([ClientChange("c-1", "Иван", (HOME, WORK), {"DEBT": "100"})]))
    assert await find(store, HOME) == await find(store, WORK) == saved
    assert saved.phones == (HOME, WORK)
    assert saved.properties == {"NAME": "Иван", "DEBT": "100"}
    assert await properties_of(store, HOME) == saved.properties


async def test_an_unknown_phone_has_no_client_and_no_properties(store: Store) -> None:
    assert await find(store, HOME) is None
    assert await properties_of(store, HOME) == {}


async def test_what_is_posted_again_replaces_phones_and_properties_and_keeps_the_id(store: Store) -> None:
    (first,) = await store.write(save_clients([ClientChange("c-1", "Иван", (HOME,), {"A": "1"})]))
    (second,) = await store.write(save_clients([ClientChange("c-1", "Пётр", (WORK,), {"B": "2"})]))
    assert second.client_id == first.client_id
    assert await find(store, HOME) is None
    assert await properties_of(store, WORK) == {"NAME": "Пётр", "B": "2"}


async def test_a_name_that_is_not_said_stays_and_an_empty_one_goes(store: Store) -> None:
    await store.write(save_clients([ClientChange("c-1", "Иван", (HOME,))]))
    (unsaid,) = await store.write(save_clients([ClientChange("c-1", None, (HOME,))]))
    assert (unsaid.name, unsaid.properties) == ("Иван", {"NAME": "Иван"})
    (empty,) = await store.write(save_clients([ClientChange("c-1", "", (HOME,))]))
    assert (empty.name, empty.properties) == ("", {})


async def test_a_property_called_name_is_stronger_than_the_name(store: Store) -> None:
    await store.write(save_clients([ClientChange("c-1", "Иванов И.И.", (HOME,), {"NAME": "Иван Иванович"})]))
    assert await properties_of(store, HOME) == {"NAME": "Иван Иванович"}


async def test_of_several_clients_with_a_phone_the_one_changed_last_wins(store: Store) -> None:
    await store.write(save_clients([ClientChange("c-1", "first", (HOME,)), ClientChange("c-2", "second", (HOME,))]))
    assert await properties_of(store, HOME) == {"NAME": "second"}
    await store.write(save_clients([ClientChange("c-1", "first", (HOME,))]))
    assert await properties_of(store, HOME) == {"NAME": "first"}
    await store.write(delete_client("c-1"))
    assert await properties_of(store, HOME) == {"NAME": "second"}


async def test_a_phone_listed_twice_is_stored_once_as_first_written(store: Store) -> None:
    again = ClientPhone("89522233446", HOME.phone_id)
    (saved,) = await store.write(save_clients([ClientChange("c-1", "", (HOME, WORK, again))]))
    assert saved.phones == (HOME, WORK)
    assert await find(store, HOME) == saved


async def test_of_a_client_listed_twice_the_last_counts(store: Store) -> None:
    saved = await store.write(save_clients([ClientChange("c-1", "old", (HOME,)), ClientChange("c-1", "new", (WORK,))]))
    assert [one.name for one in saved] == ["new"]
    assert await find(store, HOME) is None


async def test_a_deleted_client_leaves_nothing(store: Store, tmp_path: Path) -> None:
    await store.write(save_clients([ClientChange("c-1", "Иван", (HOME,), {"A": "1"})]))
    assert await store.write(delete_client("c-1")) is True
    assert await store.write(delete_client("c-1")) is False
    assert await properties_of(store, HOME) == {}
    assert ask(tmp_path / "dialer.db", "SELECT count(*) FROM client_phone") == [(0,)]


async def test_nothing_of_a_list_is_stored_when_one_cannot_be(store: Store, tmp_path: Path) -> None:
    good, bad = ClientChange("c-1", "", (HOME,)), ClientChange("c-2", "", (WORK,), {"A": object()})  # type: ignore[dict-item]
    with pytest.raises(Exception, match="not JSON serializable"):
        await store.write(save_clients([good, bad]))
    assert ask(tmp_path / "dialer.db", "SELECT count(*) FROM client") == [(0,)]


async def test_more_clients_than_one_statement_takes(store: Store) -> None:
    many = [ClientChange(f"c-{n}", f"n{n}", (ClientPhone(f"7{n:010d}", f"{n:010d}"),)) for n in range(1203)]
    for _ in range(2):
        saved = await store.write(save_clients(many))
        assert [one.crm_id for one in saved] == [one.crm_id for one in many]
    assert await properties_of(store, many[1202].phones[0]) == {"NAME": "n1202"}


async def test_a_lookup_for_a_call_uses_indexes_only(store: Store) -> None:
    plans: list[str] = []

    def explain(connection: Connection) -> None:
        @event.listens_for(connection, "before_cursor_execute")
        def note(_c: Any, cursor: Any, statement: str, parameters: Any, _x: Any, _many: Any) -> None:
            if not statement.startswith("EXPLAIN"):
                rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
                plans.extend(row[3] for row in rows)

        fetch_properties(connection, HOME.phone_id)

    await store.read(explain)
    assert plans
    assert not [line for line in plans if line.startswith("SCAN")], plans

"""MENU_STRUCT and ActionPhoneList: what the keys of a template's menu do, and whom they call."""

from dialer.api.votbox.errors import Code, VotboxError, quoted
from dialer.api.votbox.phone_list import telephone_of
from dialer.model.safe import KEYS, UnsafeValueError
from dialer.model.template import Action, MenuKey

MAX_TELEPHONES = 50
MAX_REPEATS = 20
_FIELD = "MENU_STRUCT"


def read_menu(text: str) -> tuple[MenuKey, ...]:
    """`KEY1:DESCR1:ACTIONCODE1:ACTIONPARAM1;KEY2:DESCR2:ACTIONCODE2;…`: at least one key. Raises VotboxError."""
    menu: dict[str, MenuKey] = {}
    entries = [stripped for entry in text.split(";") if (stripped := entry.strip())]
    for number, entry in enumerate(entries, start=1):
        place = f"{_FIELD}, запись {number} ({quoted(entry)})"
        read = _read_entry(place, entry)
        if read.key in menu:
            raise _wrong(place, f"клавиша {read.key} уже занята")
        menu[read.key] = read
    if not menu:
        raise _wrong(_FIELD, "нет ни одной клавиши")
    return tuple(menu.values())


def read_telephones(name: str, text: str) -> tuple[str, ...]:
    """Numbers, as they are dialled, separated by `|`: one at least. `name`: of the field. Raises VotboxError."""
    telephones = [stripped for one in text.split("|") if (stripped := one.strip())]
    if not 1 <= len(telephones) <= MAX_TELEPHONES:
        raise _wrong(name, f"ожидается от 1 до {MAX_TELEPHONES} номеров через |, получено {len(telephones)}")
    return tuple(_telephone(name, one) for one in telephones)


def _read_entry(place: str, entry: str) -> MenuKey:
    parts = [part.strip() for part in entry.split(":")]
    if len(parts) not in (3, 4):
        raise _wrong(place, "ожидается KEY:DESCR:ACTIONCODE:ACTIONPARAM")
    key, description, code, parameter = (*parts, "")[:4]
    if key not in KEYS:
        raise _wrong(place, f"клавиша: ожидается цифра, * или #, получено {quoted(key)}")
    match code:
        case "0":
            if parameter not in ("", "0"):
                raise _wrong(place, f"у завершения звонка нет параметра, получено {quoted(parameter)}")
            return MenuKey(key, description, Action.END)
        case "1":
            return MenuKey(key, description, Action.REPEAT, repeats=_repeats_of(place, parameter))
        case "2":
            return MenuKey(key, description, Action.OPERATOR, telephones=read_telephones(place, parameter))
    raise _wrong(place, f"ACTIONCODE: допустимые значения: 0, 1, 2; получено {quoted(code)}")


def _repeats_of(place: str, text: str) -> int:
    if not text:
        return 1
    if text not in map(str, range(1, MAX_REPEATS + 1)):
        raise _wrong(place, f"ожидается число повторов от 1 до {MAX_REPEATS}, получено {quoted(text)}")
    return int(text)


def _telephone(name: str, text: str) -> str:
    try:
        return telephone_of(text)
    except UnsafeValueError:
        raise _wrong(
            name, f"номер телефона: ожидается от 1 до 32 цифр (допустимы * # и + впереди), получено {quoted(text)}"
        ) from None


def _wrong(place: str, reason: str) -> VotboxError:
    return VotboxError(Code.WRONG, f"{place}: {reason}")

"""Where the files lie that come with the dialer, `dialplan/` and `systemd/`: in a checkout or an installed package."""

import sysconfig
from gettext import gettext as _
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[2]
_SHARE = "share/autodialer"
_PACKAGED_DOCS = Path("/usr/share/doc/autodialer/examples")


class NotShippedError(Exception):
    """The installation of the dialer is not whole."""


def shipped(name: str) -> Path:
    """A file or folder such as `dialplan/extensions_autodialer.conf`. Raises NotShippedError."""
    for folder in _places():
        if (folder / name).exists():
            return folder / name
    said = _("{name} is not there: looked in {places}")
    raise NotShippedError(said.format(name=name, places=", ".join(map(str, _places()))))


def settings_page() -> str:
    """The page of the documentation that explains the settings, in the language that is spoken."""
    page = _("docs/pages/en/settings.md")
    places = (_CHECKOUT, _PACKAGED_DOCS)
    return str(next((place / page for place in places if (place / page).exists()), page))


def _places() -> list[Path]:
    places = [_CHECKOUT]
    try:  # wherever pip has put them (--user, --prefix, --target)
        for file in files("autodialer") or ():
            before, found, _ = str(Path(str(file.locate())).resolve()).rpartition(f"/{_SHARE}/")
            if found:
                places.append(Path(before) / _SHARE)
                break
    except PackageNotFoundError:
        pass
    places.append(Path(sysconfig.get_path("data")) / _SHARE)
    places.append(Path("/usr/share/autodialer"))
    return list(dict.fromkeys(places))

"""Where the files lie that come with the dialer, `dialplan/` and `systemd/`: in a checkout or an installed package."""

import sysconfig
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[2]
_SHARE = "share/autodialer"


class NotShippedError(Exception):
    """The installation of the dialer is not whole."""


def shipped(name: str) -> Path:
    """A file or folder such as `dialplan/extensions_autodialer.conf`. Raises NotShippedError."""
    for folder in _places():
        if (folder / name).exists():
            return folder / name
    raise NotShippedError(f"{name} is not there: looked in {', '.join(map(str, _places()))}")


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

"""The daemon's parts, each put together in a room of its own; `dialer/app.py` joins, starts and stops them."""

from importlib.metadata import version

VERSION = version("autodialer")
MB = 1_000_000

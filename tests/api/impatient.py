"""The dialer with a fifth of its patience with REST clients: `python -m tests.api.impatient serve --config …`."""

from dataclasses import replace

from dialer.api import connections
from dialer.cli import main

usual = connections.LIMITS
IMPATIENT = replace(
    usual,
    first_request_s=usual.first_request_s / 5,
    head_s=usual.head_s / 5,
    stall_s=usual.stall_s / 5,
    look_every_s=usual.look_every_s / 5,
)

if __name__ == "__main__":
    connections.LIMITS = IMPATIENT
    main()

"""The port that REST and the console are served on."""

import logging
from contextlib import AsyncExitStack

from aiohttp import web

from dialer.api.connections import Connections
from dialer.api.tls import Tls
from dialer.compose.starting import naming
from dialer.config import ConfigError, Http

log = logging.getLogger(__name__)
LAST_REPLIES_S = 5.0
"""At the end, for requests that are being answered; aiohttp waits up to twice as long."""


def load_tls(http: Http) -> Tls | None:
    """Raises ConfigError for files that cannot be used."""
    if http.tls_certificate is None or http.tls_key is None:
        return None
    try:
        return Tls(http.tls_certificate, http.tls_key)
    except OSError as error:
        files = f"{http.tls_certificate}, {http.tls_key}"
        raise ConfigError(
            f"[http] tls_certificate, tls_key: a certificate and its key, both PEM, expected in {files}: {error}"
        ) from None


async def listen(stack: AsyncExitStack, application: web.Application, http: Http, tls: Tls | None) -> Connections:
    """Until the stack is left: then connections that are idle are closed first, and the others answered. Raises
    StartError."""
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=LAST_REPLIES_S)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    connections = Connections(runner)
    stack.callback(connections.close)
    with naming("[http] host, port"):
        await connections.listen(http.host, http.port, tls.context if tls else None)
    log.info("REST on %s://%s:%d", "https" if tls else "http", http.host, http.port)
    return connections

"""TLS by certificate files, read again when they are renewed."""

import asyncio
import logging
import ssl
from pathlib import Path

log = logging.getLogger(__name__)
LOOK_S = 30.0


class Tls:
    """A server's TLS context; new connections get the certificate of the files as they are."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Raises OSError (ssl.SSLError among it) when the files are not there or do not belong together."""
        self._certificate = certificate
        self._key = key
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._seen = self._stamp()
        self.context.load_cert_chain(certificate, key)

    async def keep(self) -> None:
        """Look again and again; files that cannot be used are logged, and the certificate stays what it is."""
        while True:
            await asyncio.sleep(LOOK_S)
            self.look()

    def look(self) -> None:
        """Read the files if they have changed."""
        try:
            stamp = self._stamp()
            if stamp == self._seen:
                return
            self._seen = stamp
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self._certificate, self._key)
            self.context.load_cert_chain(self._certificate, self._key)
        except OSError as error:
            log.warning("[http] tls_certificate, tls_key: the renewed files cannot be used: %s", error)
        else:
            log.info("TLS certificate read anew")

    def _stamp(self) -> tuple[int, int]:
        return self._certificate.stat().st_mtime_ns, self._key.stat().st_mtime_ns

#!/usr/bin/env python3
"""Takes the dialer's webhooks: verifies who sends, stores each event once. Python 3.9 or later, no libraries.

AUTODIALER_WEBHOOK_SECRET=whsec_… python3 webhook.py 8000 events.db
"""

import base64
import hashlib
import hmac
import json
import os
import sqlite3
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = os.environ["AUTODIALER_WEBHOOK_SECRET"]


# --8<-- [start:verify]
def is_ours(headers, body: bytes, secret: str) -> bool:
    """Whether the dialer has sent this, in the last five minutes. `body`: the bytes as they came, not parsed."""
    if not all(headers.get(f"webhook-{name}") for name in ("id", "timestamp", "signature")):
        return False
    key = base64.b64decode(secret[6:]) if secret.startswith("whsec_") else secret.encode()
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digest = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    fresh = abs(time.time() - int(headers["webhook-timestamp"])) < 300
    return fresh and hmac.compare_digest(headers["webhook-signature"], f"v1,{digest}")


# --8<-- [end:verify]


class Receiver(BaseHTTPRequestHandler):
    database = "events.db"

    # --8<-- [start:receive]
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if is_ours(self.headers, body, SECRET):
            self.store(json.loads(body))
            self.answer(204)  # only now: what is answered with 2xx does not come again
        else:
            self.answer(401)

    def store(self, event):
        """At least once is promised, so the same event may come twice: its id tells."""
        with sqlite3.connect(self.database, timeout=10) as database:  # commits
            database.execute("CREATE TABLE IF NOT EXISTS event (id TEXT PRIMARY KEY, type TEXT, row TEXT)")
            known = database.execute("SELECT 1 FROM event WHERE id = ?", (event["id"],)).fetchone()
            if not known:
                row = json.dumps(event["data"], ensure_ascii=False)
                database.execute("INSERT INTO event VALUES (?, ?, ?)", (event["id"], event["type"], row))
                # what your CRM does with it belongs here, into the same transaction

    # --8<-- [end:receive]

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """The address may hold a secret."""


if __name__ == "__main__":
    Receiver.database = sys.argv[2] if len(sys.argv) > 2 else "events.db"
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()

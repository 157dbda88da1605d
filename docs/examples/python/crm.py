#!/usr/bin/env python3
"""A CRM's side of the auto-dialer: begins campaigns, and reads every result once. Python 3.9 or later, no libraries.

python3 crm.py start order-17 79520000160 79520000161     # a second time: no second campaign
python3 crm.py fetch                                      # prints what is new
"""

import json
import os
import sqlite3
import sys
import time
import urllib.error
import urllib.request
import uuid

URL = os.environ.get("AUTODIALER_URL", "http://127.0.0.1:8088")
KEY = os.environ.get("AUTODIALER_KEY", "")  # made by `dialer apikey add crm`; on the PBX itself none is needed
DATABASE = os.environ.get("CRM_DATABASE", "crm.db")


# --8<-- [start:call]
class Refused(Exception):
    """The daemon understood the request and refuses it: sending it again changes nothing."""

    def __init__(self, messages, name):
        super().__init__("; ".join(messages))
        self.name = name  # TaskNotFound, PollingInUse …; empty for a wrong value


def call(method, path, body=None, idempotency_key=None, tries=5):
    """`data` of a call. A daemon that cannot be reached, or cannot store anything just now, is asked again."""
    headers = {"Authorization": f"Bearer {KEY}"} if KEY else {}
    if idempotency_key:
        headers["Idempotency-Key"] = idempotency_key
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{URL}/pbxcore/api/module-dialer/v1{path}", content, headers, method=method)
    for left in reversed(range(tries)):
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                answer = json.load(response)
            break
        except urllib.error.HTTPError as error:
            if error.code not in (408, 429, 503) or not left:  # 401, 403, 413 …: ours to mend
                raise
            time.sleep(float(error.headers.get("Retry-After", 2)))
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            if not left:
                raise
            time.sleep(2)
    if not answer["result"]:
        messages = answer["messages"]
        name = answer["data"]["error"] if answer["data"] else ""
        raise Refused(messages["error"] if isinstance(messages, dict) else messages, name)
    return answer["data"]


# --8<-- [end:call]


# --8<-- [start:start]
POLLING = {
    "crmId": "satisfaction",  # a known crmId is replaced: posting it again does no harm
    "name": "Оценка",
    "questions": [
        {
            "questionId": "1",
            "questionText": "Здравствуйте, <name>! Вы довольны ремонтом? Да - один, нет - два.",
            "press": [
                {"key": "1", "action": "answer", "value": "да"},
                {"key": "2", "action": "answer", "value": "нет"},
            ],
        }
    ],
}


def start(campaign, numbers):
    """Begin a campaign; returns the task's id. However often it is called for the same campaign, it begins once."""
    call("POST", "/polling", POLLING)
    task = {
        "crmId": campaign,  # the task is found by it later, and a second POST updates instead of creating
        "name": f"Оценка {campaign}",
        "innerNum": POLLING["crmId"],
        "innerNumType": "polling",
        "maxCountChannels": 5,
        "maxAttempt": 3,
        "tryInterval": 3600,
        "timeStart": 9 * 60,  # in the subscriber's own time
        "timeEnd": 21 * 60,
        "numbers": [{"number": number, "params": {"name": "клиент"}} for number in numbers],
    }
    # the key tells a repetition from a new request, also after a connection that broke before the reply came
    key = str(uuid.uuid5(uuid.NAMESPACE_URL, f"crm.example/campaign/{campaign}"))
    return call("POST", "/task", task, idempotency_key=key)["id"]


# --8<-- [end:start]


# --8<-- [start:fetch]
def open_database():
    database = sqlite3.connect(DATABASE, isolation_level=None)
    database.executescript(
        """
        CREATE TABLE IF NOT EXISTS place (what TEXT PRIMARY KEY, change_time TEXT NOT NULL);
        CREATE TABLE IF NOT EXISTS dialer_row (what TEXT, id INTEGER, row TEXT NOT NULL, PRIMARY KEY (what, id));
        """
    )
    return database


def fetch(database, what, handle):
    """Read everything new of `results` or `polling-results`; `handle(row)` sees each version of each row once."""
    while True:
        found = database.execute("SELECT change_time FROM place WHERE what = ?", (what,)).fetchone()
        since = found[0] if found else "0"
        rows = call("GET", f"/{what}/{since}")["results"]
        news = 0
        database.execute("BEGIN IMMEDIATE")  # the rows and the place are stored together, or neither is
        try:
            for row in rows:
                text = json.dumps(row, sort_keys=True)
                known = database.execute("SELECT row FROM dialer_row WHERE (what, id) = (?, ?)", (what, row["id"]))
                if known.fetchone() != (text,):
                    database.execute("REPLACE INTO dialer_row VALUES (?, ?, ?)", (what, row["id"], text))
                    handle(row)
                    news += 1
            if rows:
                latest = rows[-1]["changeTime"]  # oldest first: the last one has the greatest
                database.execute("REPLACE INTO place VALUES (?, ?)", (what, latest))
        except BaseException:
            database.execute("ROLLBACK")
            raise
        database.execute("COMMIT")
        if not news:
            return  # a page of nothing but known rows: that was all


def is_final(row):
    """Whether the number is done: it has a result, and no attempt follows."""
    return row["result"] is not None and "nextTry" not in row


# --8<-- [end:fetch]


def main(arguments):
    if arguments[:1] == ["start"] and len(arguments) > 2:
        print(start(arguments[1], arguments[2:]))
    elif arguments == ["fetch"]:
        database = open_database()
        fetch(
            database,
            "results",
            lambda row: is_final(row) and print("result", row["phone"], row["result"], row["cause"] or "", sep="\t"),
        )
        fetch(
            database,
            "polling-results",
            lambda row: print("answer", row["phone"], row["questionCrmId"], row["result"], sep="\t"),
        )
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Refused as refused:
        sys.exit(f"refused: {refused}")

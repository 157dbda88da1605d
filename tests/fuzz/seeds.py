"""Sound messages and files, to be damaged: the corpus, made by code."""

import datetime
from collections.abc import Mapping

import openpyxl

from dialer.pbx.preflight import MODULES
from tests.fuzz.ami_target import ACCEPTED, BOOTED
from tests.fuzz.sheets_target import BASE, PARTS
from tests.rig.workbooks import AsDate, AsError, saved, with_parts, xls, xlsx

PHONE = "79522233446"
_ENVIRONMENT = (
    "agi_network: yes\nagi_network_script: {script}\nagi_request: agi://127.0.0.1:4573/{script}\n"
    "agi_channel: Local/17@autodialer-out-0000002a;2\nagi_callerid: 79522233401\nagi_calleridname: Анна\n"
    "agi_arg_1: 17\nagi_arg_2: rig-1.2\nagi_arg_3: [C-0000001b]\n\n"
)
CLAIM, DIALOGUE = (_ENVIRONMENT.format(script=script).encode() for script in ("claim", "dialogue"))
_ZERO = b"200 result=0\n"
_KEYS = {key: f"200 result={ord(key)} endpos=8000\n".encode() for key in "0123456789*#"}


def agi_seeds() -> list[bytes]:
    """Environments, and whole dialogues with what Asterisk replies to every verb of them."""
    said = b"200 result=0 endpos=16000\n"
    recorded = b"200 result=0 (timeout) endpos=16000\n"
    return [
        CLAIM + b"200 result=1\n",
        CLAIM + b"HANGUP\n200 result=1\n",
        DIALOGUE + _ZERO + said + _KEYS["1"] + _ZERO + _ZERO + _KEYS["0"] + _ZERO * 4,
        DIALOGUE + _ZERO + said + _KEYS["1"] + _KEYS["2"] + _ZERO + _KEYS["*"] + _ZERO + said + recorded + _ZERO * 3,
        DIALOGUE + _ZERO + said + _KEYS["#"] + _ZERO + _ZERO + said + b"200 result=-1 (hangup) endpos=800\n",
        DIALOGUE + _ZERO + b"200 result=-1 endpos=0\n200 result=6\n" + _ZERO,
        DIALOGUE + _ZERO + said + _KEYS["#"] + _ZERO + said + b"200 result=-1 (writefile)\n" + _ZERO,
        DIALOGUE + b"520-Invalid command syntax.\nUsage: x\n520 End of proper usage.\n",
        DIALOGUE + b"100 Trying...\n\n511 Command Not Permitted on a dead channel\n",
        DIALOGUE + _ZERO + b"510 Invalid or unknown command\n",
    ]


def message(fields: Mapping[str, object] | list[tuple[str, object]]) -> bytes:
    pairs = fields.items() if isinstance(fields, Mapping) else fields
    return "".join(f"{name}: {value}\r\n" for name, value in pairs).encode() + b"\r\n"


def reply(action: str = "", text: str = "x", **fields: object) -> bytes:
    return message({"Response": "Success", "ActionID": f"@{action}", "Message": text, **fields})


def items(action: str, *events: Mapping[str, object]) -> bytes:
    """The answer to an action that lists something."""
    begin = reply(action, "will follow", EventList="start")
    end = message({"Event": "ListComplete", "ActionID": f"@{action}", "EventList": "Complete"})
    return begin + b"".join(message({**event, "ActionID": f"@{action}"}) for event in events) + end


CHANNELS = items("CoreShowChannels", {"Event": "CoreShowChannel", "Channel": "Local/2@autodialer-out-0000002a;2"})
TREE = items(
    "DBGetTree",
    {"Event": "DBGetTreeResponse", "Key": "/autodialer/2/out", "Val": "out|ANSWER|16|00000001:200 |subscriber|rig-1.1"},
    {"Event": "DBGetTreeResponse", "Key": "/autodialer/3/in", "Val": "in||||16|finished|SUCCESS|||rig-1.1"},
    {"Event": "DBGetTreeResponse", "Key": "/autodialer/2/undialled", "Val": "rig-1.1"},
)
PLAN = items("ShowDialPlan", {"Event": "ListDialplan", "Application": "Goto", "AppData": "queues,700,1"})
SET_UP = PLAN * 2 + reply("ModuleCheck") * len(MODULES) + reply("DBPut") + reply("DBDel") * 10
QUEUES = items(
    "QueueStatus",
    {"Event": "QueueParams", "Queue": "700"},
    {"Event": "QueueMember", "Queue": "700", "Location": "PJSIP/201", "Status": "1", "Paused": "0"},
)
QUEUED = items("ShowDialPlan", {"Event": "ListDialplan", "Application": "Queue", "AppData": "700,t"})
LINE = reply("Getvar", Value="1") + reply("ExtensionState", Hint="PJSIP/201") + PLAN + QUEUED
HINTS = items(
    "ExtensionStateList",
    {"Event": "ExtensionStatus", "Exten": "201", "Context": "internal", "Hint": "PJSIP/201", "Status": "0"},
)
BUDDIES = items("DBGetTree", {"Event": "DBGetTreeResponse", "Key": "/UserBuddyStatus/201", "Val": "0"})
EVENTS = (
    {"Event": "UserEvent", "UserEvent": "AutodialerAnswered", "Attempt": 2, "Call": "rig-1.1"},
    {"Event": "UserEvent", "UserEvent": "AutodialerUnclaimed", "Attempt": 1, "Call": "rig-1.1"},
    {"Event": "UserEvent", "UserEvent": "AutodialerGone", "Attempt": 3, "Record": "in||||16|finished|SUCCESS|||x"},
    {"Event": "UserEvent", "UserEvent": "AutodialerGone", "Attempt": 2, "Record": "out|BUSY|17|0000002b:486 ||rig-1.1"},
    {"Event": "UserEvent", "UserEvent": "DB_UserBuddyStatus", "key": "UserBuddyStatus/201", "val": "1"},
    {"Event": "Hangup", "Linkedid": "rig-1.1", "TechCause": "603", "Cause": "21", "ChanVariable": "A=b"},
    {"Event": "ExtensionStatus", "Exten": "201", "Context": "internal", "Hint": "PJSIP/201", "Status": "-1"},
    {"Event": "QueueMemberStatus", "Queue": "700", "Interface": "PJSIP/201", "Status": "2", "Paused": "1"},
    {"Event": "QueueMemberRemoved", "Queue": "700", "Interface": "PJSIP/201"},
    {"Event": "Shutdown", "Shutdown": "Cleanly", "Restart": "False"},
)


def ami_seeds() -> list[bytes]:
    """Events, and what Asterisk answers to everything the daemon asks at a connect."""
    asked = CHANNELS + TREE + SET_UP
    free = QUEUES + LINE + HINTS + BUDDIES
    return [
        *(message(event) for event in EVENTS),
        b"".join(message(event) for event in EVENTS[:-1]),
        asked + free,
        free + asked,
        ACCEPTED + BOOTED + asked,
        ACCEPTED.replace(b"Success", b"Error"),
        asked + b"".join(message(event) for event in EVENTS[:-1]) + reply("Hangup") + reply("DBDel") * 4,
        message({"Response": "Error", "ActionID": "@", "Message": "Permission denied"}),
        CHANNELS
        + TREE
        + message({"Response": "Error", "ActionID": "@ShowDialPlan", "Message": "Did not find extension"}),
    ]


def workbooks() -> list[bytes]:
    """Whole files of either kind, with every type of cell."""
    book = openpyxl.Workbook()
    book.active.append(["Имя", "Телефон", "Дата", "Сумма"])
    book.active.append(["Анна", 79522233446, datetime.datetime(2026, 11, 25, 9, 5), 0.5, True, None, "=A1&B1"])
    book.active.append(["a\nb", PHONE, datetime.time(9, 5), datetime.timedelta(hours=30), "#N/A"])
    book.active.merge_cells("A4:C6")
    book.create_sheet("hidden").sheet_state = "hidden"
    cells = ["Имя", 79522233446.0, True, AsError(7), AsDate(45986.5), AsDate(79522233446), None, AsDate(0.5), 1.5]
    bomb = with_parts(xlsx(["x"]), {"xl/media/image1.png": b"\0" * 3_000_000})
    return [saved(book), xls([cells, ["Анна", PHONE]], [["second"]], hidden=[1]), bomb]


def sheets_seeds() -> list[bytes]:
    """Workbooks whole and part by part, and separated text in every encoding."""
    text = f'Имя;Телефон\r\nАнна;{PHONE}\r\n"ООО ""Ромашка""";"+7 952 223-34-47, 79522233448"\r\n'
    book = xls([["Имя", 79522233446.0, AsDate(45986.5)]])
    stream = book[512 * 3 :]
    parts = [part for part in BASE.values() if part.startswith(tuple(PARTS))]
    return [
        *workbooks(),
        stream,
        *parts,
        *(text.encode(encoding) for encoding in ("utf-8", "utf-8-sig", "cp1251", "utf-16")),
        f"sep=,\n{PHONE},7.9522233446E+10\n".encode(),
        text.replace(";", "\t").encode(),
    ]


SEEDS = {"agi": agi_seeds, "ami": ami_seeds, "sheets": sheets_seeds}

"""`dialer polling` against a daemon."""

import json
from pathlib import Path
from typing import Any

from tests.commands.running import done, run
from tests.rig.daemon import Dialer


def question(question_id: str, text: str, *press: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"questionId": question_id, "questionText": text, "press": list(press), **fields}


TREE = {
    "crmId": "tree",
    "name": "Опрос",
    "questions": [
        question(
            "1",
            "Вы довольны?",
            {"key": "1", "action": "answer", "value": "да", "nextQuestion": "2"},
            {"key": "2", "action": "answer", "value": "нет", "nextQuestion": "3"},
            {"key": "9", "action": "restart"},
            defPress="1",
        ),
        question("2", "Позвонить ещё?", {"key": "1", "action": "dial", "value": "201"}, {"key": "2", "action": ""}),
        question("3", "Почему?", {"key": "1", "action": "answer", "nextQuestion": "2"}),
        question("4", "Сюда никто не попадёт", {"key": "1", "action": "answer"}),
    ],
}


async def test_a_polling_is_posted_from_a_file_and_shown_as_a_tree(shared: Dialer, tmp_path: Path) -> None:
    file = tmp_path / "polling.json"
    file.write_text(json.dumps(TREE, ensure_ascii=False), encoding="utf-8")
    said = await done(shared, "polling", "post", str(file))
    assert said.endswith(" is stored, id of the CRM: tree\n")
    unnamed = {"name": "Безымянный", "questions": TREE["questions"]}
    said = await done(shared, "polling", "post", "-", stdin=json.dumps(unnamed))
    assert said.endswith(" is stored\n")
    (listed,) = [line for line in (await done(shared, "polling", "list")).splitlines() if line.endswith("Безымянный")]
    assert listed.split() == [said.split()[1], "Безымянный"]
    shown = await done(shared, "polling", "show", "tree")
    assert [line.rstrip() for line in shown.splitlines()] == [
        "polling tree: Опрос",
        "├── 1. Вы довольны?",
        "│   ├── [1] answers да (also when nothing is pressed)",
        "│   │   └── 2. Позвонить ещё?",
        "│   │       ├── [1] is connected to 201",
        "│   │       └── [2] goes on",
        "│   │           └── the end",
        "│   ├── [2] answers нет",
        "│   │   └── 3. Почему?",
        "│   │       └── [1] answers 1",
        "│   │           └── question 2, see there",
        "│   └── [9] begins again",
        "└── no key leads here: 4. Сюда никто не попадёт",
    ]


async def test_what_is_shown_as_json_can_be_posted_again(shared: Dialer) -> None:
    await done(shared, "polling", "post", "-", stdin=json.dumps(TREE))
    shown = await done(shared, "polling", "show", "tree", "--json")
    await done(shared, "polling", "post", "-", stdin=shown)
    assert await done(shared, "polling", "show", "tree", "--json") != ""
    heads = json.loads(await done(shared, "polling", "list", "--json"))
    assert [head["name"] for head in heads if head["crmId"] == "tree"] == ["Опрос"]
    assert "tree" in await done(shared, "polling", "list")


async def test_texts_move_no_cursor(shared: Dialer) -> None:
    body = {"crmId": "esc", "questions": [question("1", "a\x1b[2Jb\r\nc", {"key": "1", "action": ""})]}
    await done(shared, "polling", "post", "-", stdin=json.dumps(body))
    shown = await done(shared, "polling", "show", "esc")
    assert "\x1b" not in shown
    assert "1. a [2Jb  c" in shown


async def test_a_polling_is_deleted_unless_a_task_uses_it(shared: Dialer) -> None:
    await done(shared, "polling", "post", "-", stdin=json.dumps({**TREE, "crmId": "gone"}))
    body = {"innerNum": "gone", "innerNumType": "polling", "numbers": ["79520000001"]}
    task_id = (await shared.data("POST", "/task", body))["id"]
    ran = await run(shared, "polling", "delete", "gone", "--yes")
    assert (ran.code, task_id in ran.err) == (1, True)
    await done(shared, "tasks", "delete", task_id, "--yes")
    assert await done(shared, "polling", "delete", "gone", "--yes") == "polling gone: deleted\n"

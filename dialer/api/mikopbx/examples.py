"""Bodies to copy, shown in /docs and /openapi.json."""

from typing import Any

Json = dict[str, Any]

POLLING: Json = {
    "crmId": "debt-2026",
    "name": "Напоминание о платеже",
    "questions": [
        {
            "questionId": "1",
            "questionText": "Здравствуйте, <name>. Заплатите <debt> до пятницы. Слышали - один, повторить - два, "
            "поговорить с нами - три.",
            "defPress": "2",
            "press": [
                {"key": "1", "action": "playback", "value": "Спасибо!", "valueOptions": "text", "nextQuestion": "2"},
                {"key": "2", "action": "restart"},
                {"key": "3", "action": "dial", "value": "201"},
            ],
        },
        {
            "questionId": "2",
            "questionText": "Чтобы назвать день, нажмите один.",
            "press": [{"key": "1", "action": "playback_record", "value": "Говорите.", "valueOptions": "30"}],
        },
    ],
}
TASK: Json = {
    "crmId": "000000012",
    "name": "Обзвон отдела продаж",
    "innerNum": "201",
    "innerNumType": "exten",
    "maxCountChannels": 3,
    "numbers": ["79522233446", "+7 (952) 223-34-16"],
}
TASK_OF_POLLING: Json = {
    "crmId": "000000013",
    "name": "Напоминание о платеже",
    "state": 0,
    "innerNum": "debt-2026",
    "innerNumType": "polling",
    "maxCountChannels": 5,
    "dialPrefix": "",
    "numbers": [{"number": "79522233446", "params": {"name": "Анна", "debt": "1250,50 руб."}}, "79522233416"],
}
TASK_OF_CAMPAIGN: Json = {
    "crmId": "000000014",
    "name": "Продление договоров",
    "innerNum": "201",
    "innerNumType": "exten",
    "maxCountChannels": 10,
    "maxAttempt": 3,
    "tryInterval": 3600,
    "retryOn": ["default", {"on": "busy", "interval": 300}],
    "timeStart": 540,
    "timeEnd": 1260,
    "weekDays": "1-5",
    "holidays": ["2026-12-31"],
    "callerId": ["74950000001", "74950000002"],
    "pacing": "power",
    "powerRatio": 1.5,
    "apology": "Извините, все заняты. Мы перезвоним.",
    "maxCost": "1500.00",
    "numbers": [
        {"number": "79522233446", "clientId": "17", "TimeOffset": 10},
        {"number": "79522233416", "clientId": "17", "timeZone": "Asia/Vladivostok"},
        {"number": "79522233417", "timeCallAllow": "25.11.2030 10:00:00", "timeCallUntil": "2030-11-25T18:00:00+03:00"},
    ],
}
SIGNAL: Json = {"phone": "79522233446", "taskId": "1000000001"}
TASK_CHANGE: Json = {"state": 2, "maxCountChannels": 10}

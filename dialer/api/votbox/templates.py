"""Templates: what a call says and does, when it may be made, how many at a time."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from email_validator import EmailNotValidError, validate_email

from dialer.api.votbox.accounts import Account
from dialer.api.votbox.errors import Code, VotboxError, quoted
from dialer.api.votbox.facade import Call, Item, VotboxCall
from dialer.api.votbox.form import Form
from dialer.api.votbox.menu import MAX_REPEATS, read_menu, read_telephones
from dialer.api.votbox.schedule import read_schedule, shown_schedule
from dialer.api.votbox.sounds import VOICES, SoundStore
from dialer.dispatch.desk import TaskDesk
from dialer.model.audit import Change, said_of
from dialer.model.flow import Voice
from dialer.model.safe import KEYS
from dialer.model.template import RING_TIMEOUT_S, Action, Goal, MenuKey, Sound, Template
from dialer.model.webhook import checked_url
from dialer.store.audit import audited
from dialer.store.database import Store
from dialer.store.scripts import Script, change_script, fetch_scripts, find_script, save_script
from dialer.store.tasks import TaskChange, fetch_tasks_of_script

MAX_LINES = 1000
MAX_RING_TIMEOUT_S = 300
MAX_ATTEMPTS = 100
MAX_INTERVAL_MIN = 10_080
DEFAULT_INTERVAL_MIN = 5
MAX_DURATION_S = 7200
NO_MAIL = "почта не настроена ([smtp] host): сообщения записываются, но не отправляются"


@dataclass(frozen=True, slots=True)
class Dialling:
    """What a template, or a task without one, says of dialling."""

    lines: int
    ring_timeout_s: int
    max_attempts: int
    interval_min: int
    caller_ids: tuple[str, ...]
    """Ids of numbers to show."""
    notify_url: str
    schedule: list[list[int]]

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_json(cls, data: Any) -> "Dialling":
        return cls(**{**data, "caller_ids": tuple(data["caller_ids"])})


def notify_url_of(form: Form, name: str) -> str:
    text = form.text(name)
    try:
        return checked_url(text) if text else ""
    except ValueError:
        raise VotboxError(
            Code.WRONG, f"{name}: ожидается адрес вида http://crm.example/hook (ASCII, без пароля и #)"
        ) from None


def caller_ids_of(form: Form, account: Account, name: str, *, required: bool) -> tuple[str, ...]:
    """The id of a number of the account, checked."""
    ani_id = form.required(name) if required else form.text(name)
    if ani_id is None:
        return ()
    if ani_id not in account.caller_ids:
        raise VotboxError(Code.WRONG, f"{name}: нет такого АОНа: {quoted(ani_id)}; список: autocall.get.ani")
    return (ani_id,)


class VotboxTemplates:
    """2. get.ani, 3. scheme, 4. schedule, 17. schemelines, 18. get.scheme."""

    def __init__(self, store: Store, desk: TaskDesk, sounds: SoundStore, *, mails: bool) -> None:
        self._store = store
        self._desk = desk
        self._sounds = sounds
        self._mails = mails

    def calls(self) -> tuple[VotboxCall, ...]:
        return (
            VotboxCall("autocall.get.ani", self.list_caller_ids),
            VotboxCall("autocall.scheme", self.create),
            VotboxCall("autocall.schedule", self.change_schedule),
            VotboxCall("autocall.schemelines", self.change_lines),
            VotboxCall("autocall.get.scheme", self.list),
        )

    async def list_caller_ids(self, call: Call) -> list[Item]:
        return [("obj", {"id": ani_id, "ani": number}) for ani_id, number in call.account.caller_ids.items()]

    async def create(self, call: Call) -> list[Item]:
        form, account = call.form, call.account
        name = form.required("TemplateName")
        caller_ids = caller_ids_of(form, account, "AniID", required=True)
        if form.flag("IsRandom", False):
            caller_ids = tuple(account.caller_ids)
        dialling = Dialling(
            form.number("MenuOutCallCount", 1, MAX_LINES, account.lines),
            form.number("DialTimeout", 1, MAX_RING_TIMEOUT_S, RING_TIMEOUT_S),
            form.number("MaxAttempts", 1, MAX_ATTEMPTS, 1),
            form.number("AttemptsInterval", 0, MAX_INTERVAL_MIN, DEFAULT_INTERVAL_MIN),
            caller_ids,
            notify_url_of(form, "NotifyUrl"),
            [],
        )
        description = form.text("TemplateDescription")
        template = await self._template(call, dialling)
        content = {**template.as_json(), "description": description or ""}
        script_id = await self._store.write(
            audited(save_script(account.name, name, content), lambda one: Change("template.create", str(one), name))
        )
        return [("obj", {"id": script_id, "name": name, "scheduleid": script_id})]

    async def change_schedule(self, call: Call) -> list[Item]:
        script = await self._find(call)
        windows = read_schedule(call.form)
        await self._change(script, {"schedule": windows})
        change = TaskChange(rules={"schedule": shown_schedule(windows)})
        await self._change_tasks(script, change)
        return [("obj", {"id": script.script_id, "schemeid": script.script_id})]

    async def change_lines(self, call: Call) -> list[Item]:
        script = await self._find(call)
        dialling = Dialling.from_json(script.content["task_defaults"])
        lines = call.form.number("MenuOutCallCount", 1, MAX_LINES, None)
        if lines is not None:
            await self._change(script, {"lines": lines})
            await self._change_tasks(script, TaskChange(max_count_channels=lines))
        return [("obj", {"id": script.script_id, "menuoutcallcount": lines or dialling.lines})]

    async def list(self, call: Call) -> list[Item]:
        scripts = await self._store.read(lambda connection: fetch_scripts(connection, call.account.name))
        return [
            (
                "obj",
                {
                    "id": script.script_id,
                    "name": script.name,
                    "description": script.content["description"],
                    "scheduleid": script.script_id,
                    "menuoutcallcount": script.content["task_defaults"]["lines"],
                },
            )
            for script in scripts
        ]

    async def _find(self, call: Call) -> Script:
        reference = call.form.required("schemeid")
        return await find_template(self._store, call.account, reference)

    async def _change(self, script: Script, defaults: dict[str, Any]) -> None:
        """Change some of what tasks of the template begin with."""

        def changed(content: Mapping[str, Any]) -> Mapping[str, Any]:
            return {**content, "task_defaults": {**content["task_defaults"], **defaults}}

        told = Change("template.change", str(script.script_id), said_of(dict.fromkeys(defaults, "changed")))
        await self._store.write(audited(change_script(script.script_id, changed), lambda _: told))

    async def _change_tasks(self, script: Script, change: TaskChange) -> None:
        """Also tasks that are there follow the template."""
        tasks = await self._store.read(lambda connection: fetch_tasks_of_script(connection, script.script_id))
        for task in tasks:
            await self._desk.change(task.task_id, None, replace(change, owner=task.owner))

    async def _template(self, call: Call, dialling: Dialling) -> Template:
        """Only parameters that have an effect are asked for: of the others the reply says that they have none."""
        form = call.form
        tts_voice = form.choice("ttsVoice", ("-1", *VOICES))
        greeting_from_list = form.flag("GreetingFromFile", False)
        greeting = await self._place(call, "CheckPlayGreeting", "FGREETING", optional=greeting_from_list)
        information = await self._place(call, "CheckPlayInfo", "FINFO")
        records = form.flag("IsRecordMessages", False)
        asks = form.flag("CheckUserReaction", False)
        menu: Sound | None = None
        keys: tuple[MenuKey, ...] = ()
        automatic: MenuKey | None = None
        menu_repeats = 0
        if asks and form.choice("ReactionType", ("0", "1")) == "1":
            menu = await self._sounds.sound_of(call, "FMENU")
            keys = read_menu(form.required("MENU_STRUCT"))
            menu_repeats = form.number("MenuRepeatCount", 0, MAX_REPEATS, 0)
        elif asks:
            automatic = _automatic(form)
        refusing_key = _refusing_key(form, keys)
        goal = Goal(form.number("CallOkType", 0, 4, 0))
        operators = any(one.telephones for one in (*keys, *([automatic] if automatic else [])))
        _check_goal(goal, information=information is not None, keys=bool(keys), operators=operators)
        if automatic is not None and automatic.action is Action.REPEAT and information is None:
            call.warn("AutoAction", "повторять нечего: информационного файла нет (CheckPlayInfo=1)")
        return Template(
            greeting,
            greeting_from_list,
            Voice.ANY if tts_voice is None else VOICES.get(tts_voice),
            information,
            records,
            self._mail(call) if records else "",
            refusing_key,
            bool(keys),
            menu,
            menu_repeats,
            keys,
            automatic,
            await self._place(call, "CheckPlayFinal", "FFINAL"),
            await self._place(call, "CheckPlayLoop", "FLOOP") if operators else None,
            goal,
            _duration_s(form) if goal is Goal.DURATION else 0,
            dialling.ring_timeout_s,
            form.flag("TransANI", False) if operators else False,
            dialling.as_json(),
        )

    async def _place(self, call: Call, flag: str, field: str, *, optional: bool = False) -> Sound | None:
        """The sound of a place that is switched on; a sound that is sent switches its place on where nothing is
        said."""
        switch = call.form.flag(flag, None)
        if switch is False:
            return None
        sound = await self._sounds.sound_of(call, field)
        if sound is None and switch and not optional:
            raise VotboxError(Code.MISSING, f"{field}: при {flag}=1 ожидается звуковой файл или текст tts_{field}")
        return sound

    def _mail(self, call: Call) -> str:
        text = call.form.text("MessageParam") or ""
        addresses = [one.strip() for one in text.replace(";", ",").split(",") if one.strip()]
        checked = []
        for address in addresses:
            try:
                checked.append(validate_email(address, check_deliverability=False, allow_smtputf8=False))
            except EmailNotValidError:
                raise VotboxError(Code.WRONG, f"MessageParam: неверный адрес: {quoted(address)}") from None
        if addresses and not self._mails:
            call.warn("MessageParam", NO_MAIL)
            return ""
        return ",".join(str(one.ascii_email) for one in checked)


def calls_operators(template: Template) -> bool:
    actions = (*template.keys, *([template.automatic] if template.automatic else []))
    return any(one.action is Action.OPERATOR for one in actions)


async def find_template(store: Store, account: Account, reference: str) -> Script:
    """The account's template. Raises VotboxError."""
    script = await store.read(lambda connection: find_script(connection, reference, account.name))
    if script is None:
        raise VotboxError(Code.NOT_FOUND, f"schemeid: нет такого шаблона: {quoted(reference)}")
    return script


def _automatic(form: Form) -> MenuKey:
    match form.number("AutoAction", 0, 2, 0):
        case 1:
            return MenuKey("", "", Action.REPEAT, repeats=form.number("AutoActionParam", 1, MAX_REPEATS, 1))
        case 2:
            telephones = read_telephones("ActionPhoneList", form.required("ActionPhoneList"))
            return MenuKey("", "", Action.OPERATOR, telephones=telephones)
        case _:
            return MenuKey("", "", Action.END)


def _refusing_key(form: Form, keys: tuple[MenuKey, ...]) -> str:
    if form.flag("IsCancelDTMF", True) is False:
        return ""
    key = form.text("CancelDTMF") or ""
    if key and key not in KEYS:
        raise VotboxError(Code.WRONG, f"CancelDTMF: ожидается одна клавиша: цифра, * или #, получено {quoted(key)}")
    if any(one.key == key for one in keys):
        raise VotboxError(Code.WRONG, f"CancelDTMF: клавиша {key} уже занята в MENU_STRUCT")
    return key


def _duration_s(form: Form) -> int:
    duration_s = form.number("CallOkParam", 1, MAX_DURATION_S, None)
    if duration_s is None:
        raise VotboxError(Code.MISSING, "CallOkParam: при CallOkType=1 ожидается длительность в секундах")
    return duration_s


def _check_goal(goal: Goal, *, information: bool, keys: bool, operators: bool) -> None:
    """What could never be reached would call every number again and again."""
    if goal is Goal.INFORMATION and not information:
        raise VotboxError(Code.WRONG, "CallOkType: 2 требует информационного файла (CheckPlayInfo=1)")
    if goal is Goal.KEY and not keys:
        raise VotboxError(Code.WRONG, "CallOkType: 3 требует меню (CheckUserReaction=1, ReactionType=1)")
    if goal is Goal.OPERATOR and not operators:
        raise VotboxError(Code.WRONG, "CallOkType: 4 требует соединения с оператором (AutoAction=2 или меню)")

"""Settings: one TOML file, each key overridable by environment (`DIALER_HTTP__PORT=8089`)."""

import ipaddress
import os
import re
import tomllib
from datetime import date
from decimal import Decimal
from gettext import gettext as _
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from dialer.dispatch.numbering import is_region
from dialer.dispatch.public_holidays import calendar_of
from dialer.model.safe import safe_caller, safe_context, safe_host_port, safe_prefix, safe_sound_path
from dialer.model.webhook import secret_key

ENVIRONMENT_PREFIX = "DIALER_"
NOT_SETTINGS = frozenset({"DIALER_LANG"})
"""Variables that are about something else: the language of the commands."""
YANDEX_URL = "https://tts.api.cloud.yandex.net/speech/v1/tts:synthesize"


class ConfigError(Exception):
    """The administrator's settings are wrong; the text names file, key and what is expected."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


Port = Annotated[int, Field(ge=1, le=65535)]
Host = Annotated[str, AfterValidator(safe_host_port)]
Context = Annotated[str, AfterValidator(safe_context)]
Prefix = Annotated[str, AfterValidator(safe_prefix)]
Voice = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9+_/-]*$", max_length=60)]
VoiceOrVariant = Annotated[str, Field(pattern=r"^\+?[A-Za-z0-9][A-Za-z0-9+_/-]*$", max_length=60)]


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("a time zone name such as Europe/Moscow expected") from None
    return name


def _not_empty(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value():
        raise ValueError("a secret expected, got an empty text")
    return secret


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        raise ValueError(f"an address or network such as 192.0.2.0/24 expected, got {text[:60]!r}") from None


IpNetwork = Annotated[str, AfterValidator(_network)]


class Http(_Section):
    host: Host = "127.0.0.1"
    port: Port = 8088
    trusted_proxies: tuple[IpNetwork, ...] = ()
    max_body_mb: Annotated[int, Field(ge=1, le=4096)] = 256
    tls_certificate: Path | None = None
    tls_key: Path | None = None

    @model_validator(mode="after")
    def _tls_is_whole(self) -> "Http":
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key go together")
        return self


class LogSettings(_Section):
    format: Literal["text", "json"] = "text"
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    show_numbers: bool = False


class StoreSettings(_Section):
    url: str = "sqlite:////var/lib/autodialer/dialer.db"


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("a text without control characters expected")
    return text


def _secret_line(secret: SecretStr) -> SecretStr:
    _one_line(secret.get_secret_value())
    return secret


class Ami(_Section):
    host: Host = "127.0.0.1"
    port: Port = 5038
    username: Annotated[str, AfterValidator(_one_line)] = "autodialer"
    secret: Annotated[SecretStr, AfterValidator(_not_empty), AfterValidator(_secret_line)]


class Agi(_Section):
    host: Host = "127.0.0.1"
    port: Port = 4573


class Cli(_Section):
    host: Host = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 4574


class AsteriskSettings(_Section):
    spool_dir: Path = Path("/var/spool/asterisk/outgoing")
    outgoing_context: Context = "outgoing"
    internal_context: Context = "internal"


def _sound_dir(folder: Path) -> Path:
    safe_sound_path(str(folder))
    return folder


SoundDir = Annotated[Path, AfterValidator(_sound_dir)]


class Audio(_Section):
    dir: SoundDir = Path("/var/lib/autodialer/audio")
    allowed_dirs: tuple[Path, ...] = (Path("/var/lib/asterisk/sounds"), Path("/usr/share/asterisk/sounds"))
    recordings_dir: SoundDir | None = None
    recordings_max_age_days: Annotated[int, Field(ge=0)] = 0
    max_upload_mb: Annotated[int, Field(ge=1, le=1024)] = 20
    max_upload_s: Annotated[int, Field(ge=1, le=7200)] = 600

    @property
    def recordings(self) -> Path:
        """Where Asterisk records to."""
        return self.recordings_dir or self.dir / "recordings"


class YandexTts(_Section):
    api_key: SecretStr = SecretStr("")
    folder_id: str = ""
    voice: Voice = "alena"
    female_voice: Voice = "alena"
    male_voice: Voice = "filipp"
    url: Annotated[str, Field(pattern=r"^https?://[^\s]+$")] = YANDEX_URL
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 5.0


class RhVoiceTts(_Section):
    voice: Voice = "anna"
    female_voice: Voice = "anna"
    male_voice: Voice = "aleksandr"


class PiperTts(_Section):
    model: Path | None = None
    female_model: Path | None = None
    male_model: Path | None = None

    @model_validator(mode="after")
    def _has_its_usual_voice(self) -> "PiperTts":
        if self.model is None and (self.female_model or self.male_model):
            raise ValueError("female_model and male_model need model, the voice that speaks where none is asked for")
        return self


class EspeakNgTts(_Section):
    voice: Voice | Literal[""] = ""
    female_voice: VoiceOrVariant = "+f2"
    male_voice: VoiceOrVariant = "+m3"


class Tts(_Section):
    engine: Literal["auto", "yandex", "rhvoice", "piper", "espeak-ng"] = "auto"
    cache_max_mb: Annotated[int, Field(ge=1)] = 1024
    cache_max_age_days: Annotated[int, Field(ge=1)] = 90
    yandex: YandexTts = YandexTts()
    rhvoice: RhVoiceTts = RhVoiceTts()
    piper: PiperTts = PiperTts()
    espeak_ng: EspeakNgTts = EspeakNgTts()

    @model_validator(mode="after")
    def _engine_is_configured(self) -> "Tts":
        if self.engine == "yandex" and not self.yandex.api_key.get_secret_value():
            raise ValueError('engine "yandex" needs [tts.yandex] api_key')
        if self.engine == "piper" and self.piper.model is None:
            raise ValueError('engine "piper" needs [tts.piper] model, the path of a voice (.onnx)')
        return self


def _argon2(secret: SecretStr) -> SecretStr:
    value = secret.get_secret_value()
    if value and not value.startswith("$argon2"):
        raise ValueError("what `dialer passwd` prints expected ($argon2id$…)")
    return secret


class Auth(_Section):
    trust_local: bool = True
    login: Annotated[str, Field(min_length=1, max_length=100)] = "admin"
    password_hash: Annotated[SecretStr, AfterValidator(_argon2)] = SecretStr("")


class AuditSettings(_Section):
    keep_days: Annotated[int, Field(ge=1, le=36_500)] = 365


def _webhook_secret(secret: SecretStr) -> SecretStr:
    if secret.get_secret_value():
        secret_key(secret.get_secret_value())
    return secret


class Webhooks(_Section):
    secret: Annotated[SecretStr, AfterValidator(_webhook_secret)] = SecretStr("")
    allow: tuple[IpNetwork, ...] = ()
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 10.0
    give_up_after_h: Annotated[float, Field(gt=0, le=720)] = 24.0


class Smtp(_Section):
    host: str = ""
    port: Port = 25
    tls: Literal["none", "starttls", "tls"] = "none"
    username: str = ""
    password: SecretStr = SecretStr("")
    sender: str = "autodialer@localhost"
    timeout_s: Annotated[float, Field(gt=0, le=120)] = 20.0


_ACCOUNT = re.compile(r"[A-Za-z0-9._@-]{1,64}", re.ASCII)


def _account_name(name: str) -> str:
    if not _ACCOUNT.fullmatch(name):
        raise ValueError(f"the name of an account: 1 to 64 letters, digits and . _ @ - expected, got {name[:70]!r}")
    return name


def _caller_ids(numbers: dict[str, str]) -> dict[str, str]:
    for ani_id, number in numbers.items():
        if not (ani_id.isascii() and ani_id.isdecimal() and len(ani_id) < 10):
            raise ValueError(f"ids of numbers are whole numbers, got {ani_id[:60]!r}")
        safe_caller(number)
    return numbers


class VotboxAccount(_Section):
    password_hash: SecretStr
    allow: tuple[IpNetwork, ...] = ()
    caller_ids: Annotated[dict[str, str], AfterValidator(_caller_ids)] = {}
    any_caller_id: bool = False
    lines: Annotated[int, Field(ge=1, le=1000)] = 10


class Votbox(_Section):
    accounts: dict[Annotated[str, AfterValidator(_account_name)], VotboxAccount] = {}


def _country(code: str) -> str:
    if code:
        calendar_of(code, ())
    return code


def _day(value: object) -> str:
    """A date as TOML or a text has it."""
    text = str(value)
    try:
        known = date.fromisoformat(text).isoformat() == text  # Python takes other spellings, too
    except ValueError:
        known = False
    if not known:
        raise ValueError(f"a date such as 2026-12-31 expected, got {text[:60]!r}")
    return text


Day = Annotated[str, BeforeValidator(_day)]


class CalendarSettings(_Section):
    country: Annotated[str, AfterValidator(_country)] = ""
    holidays: frozenset[Day] = frozenset()
    working_days: frozenset[Day] = frozenset()


def _region(code: str) -> str:
    if not is_region(code):
        raise ValueError(f"two letters of a country such as RU expected, got {code[:60]!r}")
    return code


class Dialing(_Section):
    region: Annotated[str, AfterValidator(_region)] = "RU"
    dial_prefix: Prefix = ""
    timezone: Annotated[str, AfterValidator(_time_zone)] = "Europe/Moscow"
    ring_timeout_s: Annotated[int, Field(ge=5, le=600)] = 45
    polling_limit_s: Annotated[int, Field(ge=5, le=3600)] = 120
    max_call_s: Annotated[int, Field(ge=5, le=86_400)] = 14_400
    shutdown_grace_s: Annotated[int, Field(ge=0, le=3600)] = 60
    max_channels: Annotated[int, Field(ge=0)] = 0
    max_calls_per_s: Annotated[float, Field(ge=0.0)] = 0.0
    max_calls_per_phone_a_day: Annotated[int, Field(ge=0)] = 0
    wrap_up_s: Annotated[float, Field(ge=0, le=3600)] = 0.0


class TrunkSettings(_Section):
    prefixes: Annotated[tuple[Prefix, ...], Field(min_length=1)]
    max_channels: Annotated[int, Field(ge=0)] = 0
    max_calls_per_s: Annotated[float, Field(ge=0.0)] = 0.0


Price = Annotated[Decimal, Field(ge=0, le=1_000_000, max_digits=13, decimal_places=6)]


class PriceSettings(_Section):
    per_minute: dict[Prefix, Price] = {}
    step_s: Annotated[int, Field(ge=1, le=3600)] = 1


class Settings(BaseSettings):
    """Everything an administrator can set. README.md has the list with meanings."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
    )

    log: LogSettings = LogSettings()
    http: Http = Http()
    store: StoreSettings = StoreSettings()
    ami: Ami
    agi: Agi = Agi()
    cli: Cli = Cli()
    asterisk: AsteriskSettings = AsteriskSettings()
    audio: Audio = Audio()
    tts: Tts = Tts()
    auth: Auth = Auth()
    audit: AuditSettings = AuditSettings()
    webhooks: Webhooks = Webhooks()
    smtp: Smtp = Smtp()
    votbox: Votbox = Votbox()
    calendar: CalendarSettings = CalendarSettings()
    dialing: Dialing = Dialing()
    trunks: dict[str, TrunkSettings] = {}
    prices: PriceSettings = PriceSettings()

    @model_validator(mode="after")
    def _prefixes_are_one_trunk_s(self) -> "Settings":
        seen: dict[str, str] = {}
        for name, trunk in self.trunks.items():
            for prefix in trunk.prefixes:
                if seen.setdefault(prefix.removeprefix("+"), name) != name:
                    raise ValueError(f"trunks: prefix {prefix!r} stands in {seen[prefix.removeprefix('+')]} and {name}")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, init_settings  # the environment wins over the file


def default_settings() -> Settings:
    """What holds where nothing is said, for what needs no Asterisk."""
    return Settings(ami=Ami(secret=SecretStr("not needed")))


def load_settings(file: Path, *, needs_ami: bool = True) -> Settings:
    """Read the settings. Raises ConfigError, which names every wrong key at once; a missing AMI secret only where it is
    needed."""
    try:
        content: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(_("{file}: not TOML: {why}").format(file=file, why=error)) from error
    _check_environment()
    if not needs_ami and isinstance(ami := content.setdefault("ami", {}), dict):
        ami.setdefault("secret", "not needed")
    try:
        return Settings(**content)
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(file, one) for one in error.errors())) from None


def _check_environment() -> None:
    """A variable that names no setting is a slip of somebody's keyboard."""
    sections = {name: field.annotation for name, field in Settings.model_fields.items()}
    for variable in os.environ:
        if variable.startswith(ENVIRONMENT_PREFIX) and variable not in NOT_SETTINGS:
            section, _underscores, key = variable.removeprefix(ENVIRONMENT_PREFIX).lower().partition("__")
            known = getattr(sections.get(section), "model_fields", {})
            if key.partition("__")[0] not in known:
                said = _("environment {variable}: no such setting (DIALER_SECTION__KEY, DIALER_HTTP__PORT)")
                raise ConfigError(said.format(variable=variable))


_MOVED = {
    "tts.voice": "; it is [tts.espeak_ng] voice now",
    "auth.api_keys": "; API keys are made by `dialer apikey add NAME` and kept in the database",
}


def _explain(file: Path, error: Any) -> str:
    key = ".".join(str(part) for part in error["loc"])
    variable = ENVIRONMENT_PREFIX + "__".join(str(part).upper() for part in error["loc"])
    source = _("environment {variable}").format(variable=variable) if variable in os.environ else str(file)
    if error["type"] == "extra_forbidden":
        return _("{where}: no such setting").format(where=f"{source}: {key}") + _MOVED.get(key, "")
    if error["type"] == "missing":
        key = "ami.secret" if key == "ami" else key
        return _("{where}: missing, and there is no default").format(where=f"{source}: {key}")
    if error["type"] == "model_type":
        return _("{where}: a section [{key}] expected").format(where=f"{source}: {key}", key=key)
    return f"{source}: {key}: {str(error['msg']).removeprefix('Value error, ')}"

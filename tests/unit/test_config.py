"""Settings: what is wrong is named by file, key and what is expected."""

from pathlib import Path

import pytest

from dialer.config import ConfigError, load_settings

DESIGN = """
[http]
host = "127.0.0.1"
port = 8088
trusted_proxies = []
[store]
url = "sqlite:////var/lib/autodialer/dialer.db"
[ami]
host = "127.0.0.1"
port = 5038
username = "autodialer"
secret = "s3cret"
[agi]
host = "127.0.0.1"
port = 4573
[asterisk]
spool_dir = "/var/spool/asterisk/outgoing"
outgoing_context = "outgoing"
internal_context = "internal"
[audio]
dir = "/var/lib/autodialer/audio"
[tts]
engine = "auto"
[tts.yandex]
api_key = "k"
folder_id = "f"
[auth]
login = "admin"
password_hash = "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2g"
trust_local = true
[dialing]
dial_prefix = ""
timezone = "Europe/Moscow"
ring_timeout_s = 45
max_channels = 0
max_calls_per_s = 0.0
"""


VOTBOX = '[ami]\nsecret = "x"\n[votbox.accounts.shop]\npassword_hash = "$argon2id$x"'


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "dialer.toml"
    file.write_text(text)
    return file


def test_the_designs_own_example_loads(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, DESIGN))
    assert settings.ami.secret.get_secret_value() == "s3cret"


def test_only_the_secret_has_no_default(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, '[ami]\nsecret = "x"'))
    assert settings.http.port == 8088


def test_without_a_word_of_them_there_are_no_mails_and_no_accounts(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, '[ami]\nsecret = "x"'))
    assert (settings.smtp.host, settings.smtp.port, settings.smtp.tls) == ("", 25, "none")
    assert settings.votbox.accounts == {}


def test_accounts_and_the_mail_server_are_read(tmp_path: Path) -> None:
    more = """
allow = ["198.51.100.0/24"]
caller_ids = { 1 = "74951112233", 20 = "+74951112244" }
any_caller_id = true
lines = 30
[votbox.accounts."a@b.example"]
password_hash = "$argon2id$y"
[smtp]
host = "mail.example"
port = 587
tls = "starttls"
username = "dialer"
password = "s3cret"
sender = "dialer@pbx.example"
"""
    settings = load_settings(write(tmp_path, VOTBOX + more))
    shop = settings.votbox.accounts["shop"]
    assert shop.caller_ids == {"1": "74951112233", "20": "+74951112244"}
    assert (list(map(str, shop.allow)), shop.any_caller_id, shop.lines) == (["198.51.100.0/24"], True, 30)
    other = settings.votbox.accounts["a@b.example"]
    assert (other.allow, other.caller_ids, other.any_caller_id, other.lines) == ((), {}, False, 10)
    assert (settings.smtp.host, settings.smtp.port, settings.smtp.tls) == ("mail.example", 587, "starttls")
    for secret in ("s3cret", "argon2id$x", "argon2id$y"):
        assert secret not in repr(settings)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "ami.secret: missing"),
        ("[ami]", "ami.secret: missing"),
        ('[ami]\nsecret = ""', "ami.secret: "),
        ('[ami]\nsecret = "x"\nport = "five"', "ami.port: "),
        ('[ami]\nsecret = "x"\nport = 70000', "ami.port: "),
        ('[ami]\nsecret = "x"\n[http]\nprot = 1', "http.prot: no such setting"),
        ('[ami]\nsecret = "x"\n[nonsense]\na = 1', "nonsense: no such setting"),
        ('[ami]\nsecret = "x"\n[dialing]\ntimezone = "Mars/Olympus"', "dialing.timezone: "),
        ('[ami]\nsecret = "x"\n[dialing]\ndial_prefix = "9,9"', "dialing.dial_prefix: "),
        ('[ami]\nsecret = "x"\n[asterisk]\noutgoing_context = "out going"', "asterisk.outgoing_context: "),
        ('[ami]\nsecret = "x"\n[tts.rhvoice]\nvoice = "-q"', "tts.rhvoice.voice: "),
        ('[ami]\nsecret = "x"\n[tts]\nengine = "yandex"', 'tts: engine "yandex" needs [tts.yandex] api_key'),
        ('[ami]\nsecret = "x"\n[tts]\nengine = "piper"', 'tts: engine "piper" needs [tts.piper] model'),
        ('[ami]\nsecret = "x"\n[tts]\nengine = "loud"', "tts.engine: "),
        ('[ami]\nsecret = "x"\n[tts]\ncache_max_mb = 0', "tts.cache_max_mb: "),
        ('[ami]\nsecret = "x"\n[audio]\ndir = "/srv/My Sounds"', "audio.dir: an absolute path of letters"),
        ('[ami]\nsecret = "x"\n[audio]\nrecordings_dir = "rec"', "audio.recordings_dir: an absolute path"),
        ('[ami]\nsecret = "x"\n[smtp]\nport = 0', "smtp.port: "),
        ('[ami]\nsecret = "x"\n[smtp]\ntls = "ssl"', "smtp.tls: "),
        ('[ami]\nsecret = "x"\n[smtp]\ntimeout_s = 0', "smtp.timeout_s: "),
        ('[ami]\nsecret = "x"\n[smtp]\nuser = "u"', "smtp.user: no such setting"),
        (VOTBOX.replace("password_hash", "password"), "votbox.accounts.shop.password_hash: missing"),
        (VOTBOX.replace("shop", '"my shop"'), "the name of an account: 1 to 64 letters"),
        (VOTBOX.replace("shop", f'"{"x" * 65}"'), "the name of an account: 1 to 64 letters"),
        (f"{VOTBOX}\nlines = 0", "votbox.accounts.shop.lines: "),
        (f"{VOTBOX}\nlines = 1001", "votbox.accounts.shop.lines: "),
        (f'{VOTBOX}\nallow = ["10.0.0.0/33"]', "votbox.accounts.shop.allow"),
        (f'{VOTBOX}\ncaller_ids = {{ one = "74951112233" }}', "ids of numbers are whole numbers, got 'one'"),
        (f'{VOTBOX}\ncaller_ids = {{ 1 = "7495-111" }}', "1 to 32 digits (+ in front) expected"),
        ('[ami]\nsecret = "x"\n[votbox]\naccount = 1', "votbox.account: no such setting"),
        ("ami = 5", "ami: a section [ami] expected"),
        ("[ami", "not TOML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    file = write(tmp_path, text)
    with pytest.raises(ConfigError) as error:
        load_settings(file)
    assert str(file) in str(error.value)
    assert complaint in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load_settings(tmp_path / "none.toml")


def test_the_environment_wins_and_is_named_when_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path, '[ami]\nsecret = "x"\n[http]\nport = 1')
    monkeypatch.setenv("DIALER_HTTP__PORT", "8089")
    monkeypatch.setenv("DIALER_AMI__SECRET", "y")
    settings = load_settings(file)
    assert (settings.http.port, settings.ami.secret.get_secret_value()) == (8089, "y")
    monkeypatch.setenv("DIALER_HTTP__PORT", "no")
    with pytest.raises(ConfigError, match=r"environment DIALER_HTTP__PORT: http\.port"):
        load_settings(file)


@pytest.mark.parametrize("variable", ["DIALER_HTTP_PORT", "DIALER_HTTPPORT", "DIALER_HTTP__PROT", "DIALER_X__Y"])
def test_a_slip_in_a_variables_name_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "1")
    with pytest.raises(ConfigError, match=f"environment {variable}: no such setting"):
        load_settings(write(tmp_path, '[ami]\nsecret = "x"'))


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    assert load_settings(write(tmp_path, '\ufeff[ami]\nsecret = "x"')).http.port == 8088


def test_a_secret_is_not_shown(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, '[ami]\nsecret = "s3cret"'))
    assert "s3cret" not in repr(settings)
    with pytest.raises(ConfigError) as error:
        load_settings(write(tmp_path, '[ami]\nsecret = "s3cret"\nport = "x"'))
    assert "s3cret" not in str(error.value)

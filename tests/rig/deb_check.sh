#!/bin/sh
# Run by deb_check.py in namespaces of its own: ROOT WORK PACKAGE ASTERISK_ETC OUT. Becomes the systemd of a machine whose
# only job is the script below; OUT gets its log, and a file "good" when all went well.
set -eu
root=$1 work=$2 package=$3 etc=$4 out=$5
exec 2>"$out/problem"

ip link set lo up
mkdir "$work/machine"
mount -t tmpfs tmpfs "$work/machine"
cd "$work/machine"
mkdir upper work root
mount -t overlay overlay -o "lowerdir=$root,upperdir=upper,workdir=work" root
cd root
mkdir -p out
mount --bind "$out" out
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do
    touch "dev/$device"
    mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
cp "$package" srv/autodialer.deb
cp -r "$etc" srv/asterisk
printf '[Service]\nType=oneshot\nExecStart=/bin/sh /srv/check.sh\nExecStopPost=systemctl exit\nStandardOutput=file:/out/log\nStandardError=inherit\n' \
    >etc/systemd/system/check.service
printf '[Unit]\nWants=check.service\nAllowIsolate=yes\n' >etc/systemd/system/check.target
cat >srv/check.sh <<'INSIDE'
set -eu
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive
step() { echo "deb_check: $*"; }
fail() { echo "deb_check: FAILED: $*" >&2; exit 1; }
owns() { [ "$(stat -c '%U:%G %a' "$1")" = "$2" ] || fail "$1 is $(stat -c '%U:%G %a' "$1"), not $2"; }
print_all() { (cd /etc/asterisk && find . -printf '%p %m %U:%G\n' | sort; find . -type f -print0 | sort -z | xargs -0 sha256sum); }

step "an Asterisk's user, folders and configuration"
adduser --system --group --home /var/lib/asterisk --quiet asterisk
cp -r /srv/asterisk /etc/asterisk
printf '\n[outgoing]\nexten => _X.,1,Hangup()\n[internal]\nexten => 201,1,Hangup()\n' >>/etc/asterisk/extensions.conf
chown -R asterisk:asterisk /etc/asterisk
install -d -o asterisk -g asterisk -m 750 /var/spool/asterisk /var/spool/asterisk/outgoing
print_all >/tmp/before

step "dpkg --install"
dpkg --install /srv/autodialer.deb
dialer --version
id autodialer | grep -q '(asterisk)' || fail "autodialer is not in Asterisk's group"
owns /etc/autodialer root:autodialer\ 750
[ ! -e /etc/autodialer/dialer.toml ] || fail "the package has written settings"

step "dialer install"
dialer install --dry-run >/dev/null
print_all | cmp - /tmp/before || fail "a dry run has changed something"
dialer install --yes >/tmp/installed || { cat /tmp/installed; fail "dialer install"; }
dialer install --yes | grep -q 'nothing to change' || fail "a second run changes something"
owns /etc/autodialer/dialer.toml root:autodialer\ 640
owns /etc/asterisk/manager.d/autodialer.conf asterisk:asterisk\ 640
owns /etc/asterisk/extensions_autodialer.conf asterisk:asterisk\ 640
owns /var/spool/asterisk/outgoing asterisk:asterisk\ 770
owns /var/spool/asterisk/tmp asterisk:asterisk\ 770
owns /var/lib/autodialer/audio/recordings autodialer:asterisk\ 2770
runuser -u asterisk -- cat /etc/asterisk/manager.d/autodialer.conf >/dev/null || fail "Asterisk cannot read its user"
if runuser -u nobody -- cat /etc/autodialer/dialer.toml 2>/dev/null; then fail "everybody can read the secrets"; fi

step "the daemon, under its hardened unit"
state() { systemctl show --property "$1" --value autodialer.service; }
eventually() { # what, command...
    what=$1; shift
    for _ in $(seq 150); do if "$@" >/dev/null 2>&1; then return 0; fi; sleep 0.1; done
    journalctl --no-pager -u autodialer | tail -30
    systemctl status --no-pager autodialer || true
    fail "$what"
}
says() { state StatusText | grep -q "$1"; }
[ "$(state ActiveState)" = active ] || eventually "does not become active" [ "$(state ActiveState)" = active ]
[ "$(state Type) $(state User) $(state Group)" = "notify autodialer asterisk" ] || fail "not our unit"
eventually "the state in words does not come" says 'nothing is dialled: Asterisk: away'
owns /var/lib/autodialer/dialer.db autodialer:asterisk\ 640
/usr/lib/autodialer/bin/python /srv/use.py || { journalctl --no-pager -u autodialer | tail -30; fail "REST"; }
pid=$(state MainPID)
as_daemon() { nsenter --target "$pid" --mount --root setpriv --reuid autodialer --regid asterisk --clear-groups -- "$@"; }
as_daemon sh -c 'echo >/var/spool/asterisk/tmp/a && python3 -c "import os; os.rename(\"/var/spool/asterisk/tmp/a\", \"/var/spool/asterisk/outgoing/a\")"' ||
    fail "call files cannot be renamed into the spool"
rm /var/spool/asterisk/outgoing/a
if as_daemon sh -c 'echo >/etc/asterisk/x' 2>/dev/null; then fail "the daemon can write to /etc"; fi
if as_daemon sh -c 'echo >/usr/lib/autodialer/x' 2>/dev/null; then fail "the daemon can write to its own code"; fi
if dialer doctor --no-call >/tmp/doctor; then code=0; else code=$?; fi
[ "$code" = 3 ] || { cat /tmp/doctor; fail "there is no Asterisk, and doctor's exit code is $code"; }
grep -q '^fail  ami: ' /tmp/doctor || { cat /tmp/doctor; fail "doctor does not name what is missing"; }
[ "$(grep -c '^fail' /tmp/doctor)" = 2 ] || { cat /tmp/doctor; fail "more is wrong than there is"; }

step "the watchdog: a daemon that stands still is started anew"
mkdir -p /run/systemd/system/autodialer.service.d
printf '[Service]\nWatchdogSec=2\n' >/run/systemd/system/autodialer.service.d/test.conf
systemctl daemon-reload
systemctl restart autodialer
kill -STOP "$(state MainPID)"
restarted() { [ "$(state NRestarts)" -ge 1 ] && [ "$(state ActiveState)" = active ]; }
eventually "the watchdog does not bite" restarted
rm -r /run/systemd/system/autodialer.service.d
systemctl daemon-reload

step "installed again: settings stay"
echo '# mine' >>/etc/autodialer/dialer.toml
sum=$(sha256sum /etc/autodialer/dialer.toml)
dpkg --install /srv/autodialer.deb
[ "$sum" = "$(sha256sum /etc/autodialer/dialer.toml)" ] || fail "settings were written"

step "installed again where the daemon was disabled: it stays so, also with a newer dialplan"
systemctl disable --now autodialer
sed -i '$a; of an older version' /etc/asterisk/extensions_autodialer.conf
old=$(sha256sum </etc/asterisk/extensions_autodialer.conf | cut -d' ' -f1)
new=$(grep -A3 extensions_autodialer.conf /etc/autodialer/installed.json | sed -n 's/.*"written": "\(.*\)".*/\1/p')
sed -i "s/$new/$old/" /etc/autodialer/installed.json
dpkg --install /srv/autodialer.deb
if grep -q 'of an older version' /etc/asterisk/extensions_autodialer.conf; then fail "the dialplan stays old"; fi
if systemctl is-active --quiet autodialer; then fail "an upgrade has started the daemon"; fi
if systemctl is-enabled --quiet autodialer; then fail "an upgrade has enabled the daemon"; fi
systemctl enable --now autodialer

step "dpkg --remove: Asterisk's folder is as it was"
dpkg --remove autodialer
print_all >/tmp/after
diff /tmp/before /tmp/after || fail "Asterisk's folder has changed"
owns /var/spool/asterisk/outgoing asterisk:asterisk\ 750
[ -e /etc/autodialer/dialer.toml ] || fail "the settings are gone"
[ -e /var/lib/autodialer/dialer.db ] || fail "the database is gone"

step "dpkg --purge: nothing is left"
dpkg --purge autodialer
for path in /etc/autodialer /var/lib/autodialer /etc/default/autodialer /usr/lib/autodialer /usr/share/autodialer \
    /usr/bin/dialer /lib/systemd/system/autodialer.service /etc/systemd/system/autodialer.service.d; do
    [ ! -e "$path" ] || fail "$path is left: $(find "$path" | head)"
done
if getent passwd autodialer; then fail "the user is left"; fi
if systemctl is-active --quiet autodialer; then fail "the daemon still runs"; fi
touch /out/good
INSIDE
cat >srv/use.py <<'INSIDE'
"""What the daemon does with other programs, and what it writes: under the hardening."""

import io
import json
import subprocess
import urllib.request
from pathlib import Path

import openpyxl

URL = "http://127.0.0.1:8088/pbxcore/api/module-dialer/v1"


def ask(path: str, body: bytes | None = None, kind: str = "application/json") -> dict:
    asked = urllib.request.Request(URL + path, data=body, headers={"Content-Type": kind} if body else {})
    told = json.load(urllib.request.urlopen(asked, timeout=30))
    assert told["result"] is True, told
    return told


def upload(path: str, name: str, content: bytes) -> dict:
    head = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
    return ask(path, head + content + b"\r\n--x--\r\n", "multipart/form-data; boundary=x")


press = [{"key": "1", "action": "answer", "value": "1"}]
ask("/polling", json.dumps({"name": "q", "questions": [{"questionId": "1", "questionText": "Вы довольны?", "press": press}]}).encode())
spoken = json.load(urllib.request.urlopen("http://127.0.0.1:8088/health"))["speech"]["espeak-ng"]
assert spoken["spoken"] >= 1 and not spoken["failed"], spoken
tone = ["ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i", "sine=duration=1", "-f", "ogg", "-"]
upload("/audio", "tone.ogg", subprocess.run(tone, capture_output=True, check=True).stdout)
book = openpyxl.Workbook()
book.active.append(["79520000001"])
sheet = io.BytesIO()
book.save(sheet)
assert upload("/upload-xls", "numbers.xlsx", sheet.getvalue())["data"][0]["number"] == "79520000001"
task = {"innerNum": "1", "innerNumType": "polling", "maxCountChannels": 1, "numbers": ["79520000001"]}
ask("/task", json.dumps(task).encode())
assert list(Path("/var/lib/autodialer/audio").rglob("*.wav"))
login = urllib.request.Request("http://127.0.0.1:8088/admin-cabinet/session/start", data=b"login=admin&password=wrong")
assert json.load(urllib.request.urlopen(login))["success"] is False, "argon2"
INSIDE
export container=deb-check
exec chroot . /lib/systemd/systemd --unit=check.target --log-target=null

#!/bin/sh
# Run by deb_check.py in namespaces of its own: ROOT WORK PACKAGE ASTERISK_ETC.
set -eu
root=$1 work=$2 package=$3 etc=$4

ip link set lo up
mount -t tmpfs tmpfs "$work"
mkdir "$work/upper" "$work/work" "$work/root"
mount -t overlay overlay -o "lowerdir=$root,upperdir=$work/upper,workdir=$work/work" "$work/root"
mount -t proc proc "$work/root/proc"
mount --rbind /dev "$work/root/dev"
cp "$package" "$work/root/tmp/autodialer.deb"
cp -r "$etc" "$work/root/tmp/asterisk"
cat >"$work/root/tmp/check.sh" <<'INSIDE'
set -eu
export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive
step() { echo "deb_check: $*"; }
fail() { echo "deb_check: FAILED: $*" >&2; exit 1; }
owns() { [ "$(stat -c '%U:%G %a' "$1")" = "$2" ] || fail "$1 is $(stat -c '%U:%G %a' "$1"), not $2"; }
print_all() { (cd /etc/asterisk && find . -printf '%p %m %U:%G\n' | sort; find . -type f -print0 | sort -z | xargs -0 sha256sum); }

step "an Asterisk's user, folders and configuration"
adduser --system --group --home /var/lib/asterisk --quiet asterisk
cp -r /tmp/asterisk /etc/asterisk
printf '\n[outgoing]\nexten => _X.,1,Hangup()\n[internal]\nexten => 201,1,Hangup()\n' >>/etc/asterisk/extensions.conf
chown -R asterisk:asterisk /etc/asterisk
install -d -o asterisk -g asterisk -m 750 /var/spool/asterisk /var/spool/asterisk/outgoing
print_all >/tmp/before

step "dpkg --install"
dpkg --install /tmp/autodialer.deb
dialer --version
id autodialer | grep -q '(asterisk)' || fail "autodialer is not in Asterisk's group"
owns /etc/autodialer root:autodialer\ 750
owns /var/lib/autodialer autodialer:autodialer\ 750
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

step "the daemon, as its user"
setpriv --reuid autodialer --regid asterisk --init-groups -- dialer serve --config /etc/autodialer/dialer.toml \
    >/tmp/daemon.log 2>&1 &
daemon=$!
python3 - <<'PYTHON' || { cat /tmp/daemon.log; fail "REST does not answer"; }
import json, time, urllib.request
for _ in range(200):
    try:
        told = json.load(urllib.request.urlopen("http://127.0.0.1:8088/health"))
        break
    except OSError:
        time.sleep(0.1)
assert "Asterisk: away" in told["trouble"], told
PYTHON
owns /var/lib/autodialer/dialer.db autodialer:asterisk\ 644
dialer doctor --no-call >/tmp/doctor && fail "there is no Asterisk, and doctor is content" || code=$?
[ "$code" = 3 ] || { cat /tmp/doctor; fail "exit code $code"; }
grep -q '^fail  ami: ' /tmp/doctor || { cat /tmp/doctor; fail "doctor does not name what is missing"; }
[ "$(grep -c '^fail' /tmp/doctor)" -le 2 ] || { cat /tmp/doctor; fail "more is wrong than there is"; }
kill "$daemon"
wait "$daemon" || fail "the daemon's exit code"

step "installed again: settings stay"
echo '# mine' >>/etc/autodialer/dialer.toml
sum=$(sha256sum /etc/autodialer/dialer.toml)
dpkg --install /tmp/autodialer.deb
[ "$sum" = "$(sha256sum /etc/autodialer/dialer.toml)" ] || fail "settings were written"

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
INSIDE
exec chroot "$work/root" sh /tmp/check.sh

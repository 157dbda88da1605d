#!/bin/sh
# Builds the root folder with Asterisk 22 (Debian forky) that the rig runs in; about a minute, 0.6 GB, then reused.
# Progress goes to stderr; the last line of stdout is the path of the root. Needs root and packages.sh.
#
#   AUTODIALER_ASTERISK_ROOT  use this root (`/`: the machine's own Asterisk) and build nothing
#   AUTODIALER_CACHE          where to keep the root (default: ${XDG_CACHE_HOME:-~/.cache}/autodialer)
#   AUTODIALER_MIRROR         Debian mirror (default: debootstrap's own)
set -eu

recipe=1      # raise it when a change below must rebuild everybody's root
suite=forky   # bookworm has no asterisk package

fail() { echo "asterisk_root.sh: $*" >&2; exit 1; }

if [ -n "${AUTODIALER_ASTERISK_ROOT:-}" ]; then
    [ -x "${AUTODIALER_ASTERISK_ROOT%/}/usr/sbin/asterisk" ] ||
        fail "no usr/sbin/asterisk in AUTODIALER_ASTERISK_ROOT=$AUTODIALER_ASTERISK_ROOT"
    echo "$AUTODIALER_ASTERISK_ROOT"
    exit 0
fi

cache=${AUTODIALER_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/autodialer}
root=$cache/asterisk-root
stamp=$root/.autodialer-recipe
is_ready() { [ "$(cat "$stamp" 2>/dev/null)" = "$suite $recipe" ]; }

if is_ready; then echo "$root"; exit 0; fi

[ "$(id -u)" -eq 0 ] || fail "must be root to build $root"
command -v debootstrap >/dev/null || fail "debootstrap is missing; run tests/rig/packages.sh"
mkdir -p "$cache"
exec 9>"$cache/asterisk-root.lock"
if ! flock -n 9; then
    echo "asterisk_root.sh: another build is running, waiting for it" >&2
    flock 9
    if is_ready; then echo "$root"; exit 0; fi
fi

# Under the lock every such folder is what an interrupted build left.
rm -rf --one-file-system "$cache"/asterisk-root.building.*
building=$cache/asterisk-root.building.$$
log=$cache/asterisk-root.log
# Every step inherits the lock: what outlives a killed script is waited for by the next one.
step() {
    echo "asterisk_root.sh: $1" >&2
    shift
    "$@" >>"$log" 2>&1 || { tail -n 30 "$log" >&2; fail "'$*' failed; whole log in $log"; }
}
trap 'rm -rf --one-file-system "$building"' EXIT
trap 'exit 130' INT TERM HUP
: >"$log"
export DEBIAN_FRONTEND=noninteractive LC_ALL=C

# debootstrap 1.0.128 knows no forky, hence the sid script. It checks Release's signature, not its Valid-Until.
keyring=""
[ ! -e /usr/share/keyrings/debian-archive-keyring.gpg ] ||
    keyring=--keyring=/usr/share/keyrings/debian-archive-keyring.gpg
# shellcheck disable=SC2086  # empty means: no such argument
# Its mounts (proc) live in a namespace, so that no interruption leaves them.
step "base system ($suite)" unshare --mount --propagation private \
    debootstrap --variant=minbase $keyring "$suite" "$building" \
    "${AUTODIALER_MIRROR:-}" /usr/share/debootstrap/scripts/sid

# No service may start in the root; dpkg needs no fsync here; manuals are not read; apt keeps no archives.
printf '#!/bin/sh\nexit 101\n' >"$building/usr/sbin/policy-rc.d"
chmod 755 "$building/usr/sbin/policy-rc.d"
mkdir -p "$building/etc/dpkg/dpkg.cfg.d" "$building/etc/apt/apt.conf.d"
printf 'force-unsafe-io\npath-exclude=/usr/share/doc/*\npath-exclude=/usr/share/man/*\n' \
    >"$building/etc/dpkg/dpkg.cfg.d/autodialer"
printf 'Acquire::Check-Valid-Until "false";\nAcquire::Languages "none";\nDir::Cache::pkgcache "";\nDir::Cache::srcpkgcache "";\n' \
    >"$building/etc/apt/apt.conf.d/90autodialer"
cp -L /etc/resolv.conf "$building/etc/resolv.conf"
printf '127.0.0.1 localhost %s\n' "$(hostname)" >"$building/etc/hosts"

step "package lists" chroot "$building" apt-get update
step "asterisk" chroot "$building" apt-get install -y --no-install-recommends asterisk
step "cleaning up" chroot "$building" apt-get clean
rm -rf "$building"/var/lib/apt/lists/* "$building"/var/cache/apt/*.bin "$building"/usr/share/man/* \
    "$building"/var/log/*.log "$building"/var/log/apt
chroot "$building" asterisk -V >&2 || fail "the Asterisk just installed does not run"

echo "$suite $recipe" >"$building/.autodialer-recipe"
old=$cache/asterisk-root.building.old.$$
[ ! -e "$root" ] || mv "$root" "$old"
mv "$building" "$root"
rm -rf --one-file-system "$old"
echo "$root"

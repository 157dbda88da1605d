#!/bin/sh
# Builds the root folder with a bare Debian 12, systemd in it, that `make deb-check` installs the package into; some minutes, 1 GB, then
# reused. Progress goes to stderr; the last line of stdout is its path. Needs root and packages.sh.
#
#   AUTODIALER_CACHE   where to keep the root (default: ${XDG_CACHE_HOME:-~/.cache}/autodialer)
#   AUTODIALER_MIRROR  Debian mirror (default: debootstrap's own)
set -eu

recipe=2
suite=bookworm
cache=${AUTODIALER_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/autodialer}
root=$cache/deb-root
stamp=$root/.autodialer-recipe
if [ "$(cat "$stamp" 2>/dev/null)" = "$suite $recipe" ]; then echo "$root"; exit 0; fi

fail() { echo "deb_root.sh: $*" >&2; exit 1; }
[ "$(id -u)" -eq 0 ] || fail "must be root to build $root"
mkdir -p "$cache"
exec 9>"$cache/deb-root.lock"
flock 9
if [ "$(cat "$stamp" 2>/dev/null)" = "$suite $recipe" ]; then echo "$root"; exit 0; fi
rm -rf --one-file-system "$cache"/deb-root.building.* "$root"
building=$cache/deb-root.building.$$
log=$cache/deb-root.log
step() {
    echo "deb_root.sh: $1" >&2
    shift
    "$@" >>"$log" 2>&1 || { tail -n 30 "$log" >&2; fail "'$*' failed; whole log in $log"; }
}
trap 'rm -rf --one-file-system "$building"' EXIT
trap 'exit 130' INT TERM HUP
: >"$log"
export DEBIAN_FRONTEND=noninteractive LC_ALL=C

# shellcheck disable=SC2086  # empty means: no such argument
step "base system ($suite)" unshare --mount --propagation private \
    debootstrap --variant=minbase "$suite" "$building" ${AUTODIALER_MIRROR:-}
printf '#!/bin/sh\nexit 101\n' >"$building/usr/sbin/policy-rc.d"
chmod 755 "$building/usr/sbin/policy-rc.d"
printf 'force-unsafe-io\npath-exclude=/usr/share/man/*\n' >"$building/etc/dpkg/dpkg.cfg.d/autodialer"
printf 'Acquire::Check-Valid-Until "false";\nAcquire::Languages "none";\n' >"$building/etc/apt/apt.conf.d/90autodialer"
cp -L /etc/resolv.conf "$building/etc/resolv.conf"
step "package lists" chroot "$building" apt-get update
# what the package depends on, read where it is written
# (systemd's own tmpfiles complain of a /proc that is not mounted)
# shellcheck disable=SC2046  # word splitting is wanted
step "what the package needs" chroot "$building" apt-get install -y --no-install-recommends systemd dbus \
    $(sed -n 's/^Depends: //p' "$(dirname "$0")/../../systemd/debian/control.in" | sed 's/([^)]*)//g; s/,/ /g' | tr ' ' '\n' | sort -u)
step "cleaning up" chroot "$building" apt-get clean
rm -rf "$building"/var/lib/apt/lists/*
echo "$suite $recipe" >"$building/.autodialer-recipe"
mv "$building" "$root"
echo "$root"

#!/bin/sh
# Installs the Debian packages that the test rig needs, and only those that are missing.
# Under a second and without network when all are there. Usage: tests/rig/packages.sh
set -eu

# debootstrap: builds the Asterisk root      sip-tester: SIPp, provider and employees
# espeak-ng: speaks the questions            util-linux: unshare, setpriv, flock
wanted="ca-certificates curl debootstrap espeak-ng python3-venv sip-tester util-linux"

missing=""
for package in $wanted; do
    status=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
    echo "packages.sh: not root; install these first: apt-get install$missing" >&2
    exit 1
fi

export DEBIAN_FRONTEND=noninteractive
# A mirror that stands still has a Release file past its date; apt would refuse it.
apt="apt-get -qq -o Acquire::Check-Valid-Until=false -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120"
echo "packages.sh: installing$missing" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# One repository out of several may be unreachable; what counts is whether the packages can be installed.
$apt update >"$log" 2>&1 || echo "packages.sh: apt-get update complained, going on" >&2
# shellcheck disable=SC2086  # word splitting is wanted
if ! $apt install -y --no-install-recommends $missing >>"$log" 2>&1; then
    tail -n 30 "$log" >&2
    echo "packages.sh: apt-get could not install:$missing" >&2
    exit 1
fi

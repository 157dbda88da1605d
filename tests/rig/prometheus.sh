#!/bin/sh
# Unpacks Debian's package `prometheus` (19 MB) into the cache folder and prints the folder that holds `prometheus` and
# `promtool`. Installed it would start a service on the machine. Nothing is fetched when both are there already.
#
#   AUTODIALER_CACHE   where to keep it (default: ${XDG_CACHE_HOME:-~/.cache}/autodialer)
set -eu

fail() { echo "prometheus.sh: $*" >&2; exit 1; }

if command -v prometheus >/dev/null && command -v promtool >/dev/null; then
    dirname "$(command -v promtool)"
    exit 0
fi

cache=${AUTODIALER_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/autodialer}
folder=$cache/prometheus
if [ -x "$folder/usr/bin/promtool" ]; then echo "$folder/usr/bin"; exit 0; fi

mkdir -p "$cache"
exec 9>"$cache/prometheus.lock"
flock 9
if [ -x "$folder/usr/bin/promtool" ]; then echo "$folder/usr/bin"; exit 0; fi

building=$(mktemp -d "$cache/prometheus.building.XXXXXX")
trap 'rm -rf "$building"' EXIT
trap 'exit 130' INT TERM HUP
apt="apt-get -qq -o Acquire::Check-Valid-Until=false"
[ "$(id -u)" -ne 0 ] || apt="$apt -o APT::Sandbox::User=root"
fetch() { (cd "$building" && $apt download prometheus) >&2; }
echo "prometheus.sh: fetching prometheus" >&2
fetch 2>/dev/null || { $apt update >&2 && fetch; } || fail "apt-get cannot fetch the package prometheus"
dpkg -x "$building"/prometheus_*.deb "$building/root" || fail "dpkg cannot unpack it"
rm -rf "$folder"
mv "$building/root" "$folder"
echo "$folder/usr/bin"

#!/bin/sh
# Installs the Debian packages that the test rig needs, and only those that are missing.
# Under a second and without network when all are there. Usage: tests/rig/packages.sh
# Packages outside Debian's `main` (RHVoice): when apt knows none, the machine's own Debian sources are used once more
# with the components contrib and non-free, in /etc/apt/sources.list.d/autodialer-non-free.*
set -eu

# debootstrap: builds the Asterisk root      sip-tester: SIPp, provider and employees
# espeak-ng, rhvoice*: speak the questions   ffmpeg: converts uploaded sounds   chromium: opens the web console
# jq, php-cli: the examples of docs/examples
# fail2ban, iproute2, openssl: the tests of log lines, other addresses, TLS   util-linux: unshare, setpriv, flock
wanted="ca-certificates chromium curl debootstrap espeak-ng fail2ban ffmpeg iproute2 jq openssl php-cli python3-venv rhvoice rhvoice-russian sip-tester util-linux"

known_to_apt() { # packages...
    for package in "$@"; do
        LC_ALL=C apt-cache policy "$package" | grep -q '^  Candidate: [^(]' || return 1
    done
}

# Debian's own entries: a suite of this release, with main, and not yet with both components.
# Everything else of an entry (address, key, options) stays as it is.
awk_helpers='
function suites_of_debian(suites,    list, count, i, kept) {
    count = split(suites, list, /[ \t\n]+/)
    for (i = 1; i <= count; i++)
        if (list[i] == codename || list[i] == codename "-updates" || list[i] == codename "-security")
            kept = kept (kept == "" ? "" : " ") list[i]
    return kept
}
function has(words, word) { return index(" " words " ", " " word " ") > 0 }
function wants_more(components) {
    gsub(/[ \t\n]+/, " ", components)
    return has(components, "main") && !(has(components, "contrib") && has(components, "non-free"))
}'

derive_from_list() { # codename files... : one-line form, `deb [options] address suite component...`
    codename=$1
    shift
    # shellcheck disable=SC2016  # awk
    awk -v codename="$codename" "$awk_helpers"'
        { sub(/#.*/, "") }
        /^[ \t]*deb[ \t]/ && !/cdrom:/ {
            options = ""
            sub(/^[ \t]*deb[ \t]+/, "")
            if (match($0, /^\[[^\]]*\][ \t]*/)) {
                options = substr($0, 1, RLENGTH)
                sub(/[ \t]*$/, " ", options)
                $0 = substr($0, RLENGTH + 1)
            }
            components = ""
            for (i = 3; i <= NF; i++) components = components " " $i
            if (suites_of_debian($2) != "" && wants_more(components))
                print "deb " options $1 " " $2 " contrib non-free"
        }' "$@"
}

derive_from_deb822() { # codename files... : deb822 form, paragraphs of fields
    codename=$1
    shift
    # shellcheck disable=SC2016  # awk
    awk -v codename="$codename" "$awk_helpers"'
        function finish(    name, i, suites) {
            suites = suites_of_debian(value["suites"])
            if (has(value["types"], "deb") && tolower(value["enabled"]) !~ /^(no|false|0|off|without|disable)$/ &&
                suites != "" && wants_more(value["components"])) {
                print "Types: deb\nSuites: " suites "\nComponents: contrib non-free"
                for (i = 1; i <= fields; i++) {
                    name = names[i]
                    if (name !~ /^(types|suites|components|enabled)$/) printf "%s", written[name]
                }
                print ""
            }
            fields = 0
            split("", value)
            split("", written)
            name = ""
        }
        FNR == 1 || /^[ \t]*$/ { finish() }
        /^#/ || /^[ \t]*$/ { next }
        /^[ \t]/ { value[last] = value[last] "\n" $0; written[last] = written[last] $0 "\n"; next }
        {
            last = tolower(substr($0, 1, index($0, ":") - 1))
            names[++fields] = last
            written[last] = $0 "\n"
            value[last] = substr($0, index($0, ":") + 1)
            gsub(/^[ \t]+|[ \t]+$/, "", value[last])
            gsub(/[ \t]+/, " ", value[last])
        }
        END { finish() }' "$@"
}

derive_sources() { # apt's folder, codename : writes sources.list.d/autodialer-non-free.*, fails when there is nothing to write
    derived=$1/sources.list.d/autodialer-non-free
    mkdir -p "$1/sources.list.d"
    rm -f "$derived.list" "$derived.sources"
    found=""
    for source in "$1"/sources.list "$1"/sources.list.d/*.list "$1"/sources.list.d/*.sources; do
        [ -f "$source" ] || continue
        case $source in
            "$derived".*) ;;
            *.sources) derive_from_deb822 "$2" "$source" >>"$derived.sources" ;;
            *) derive_from_list "$2" "$source" >>"$derived.list" ;;
        esac
    done
    for source in "$derived.list" "$derived.sources"; do
        if [ -s "$source" ]; then found=yes; else rm -f "$source"; fi
    done
    [ -n "$found" ]
}

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
if ! known_to_apt $missing; then
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    if derive_sources /etc/apt "$codename"; then
        echo "packages.sh: asking contrib and non-free as well" >&2
        $apt update >>"$log" 2>&1 || echo "packages.sh: apt-get update complained, going on" >&2
    fi
fi
# shellcheck disable=SC2086  # word splitting is wanted
if ! $apt install -y --no-install-recommends $missing >>"$log" 2>&1; then
    tail -n 30 "$log" >&2
    echo "packages.sh: apt-get could not install:$missing" >&2
    exit 1
fi

#!/bin/sh
# Builds dist/autodialer_VERSION_ARCH.deb; the last line of stdout is its path. Needs Debian's python3 with venv, and
# dpkg-deb. Libraries lie in a virtual environment below /usr/lib/autodialer, at the versions of constraints.txt.
#
#   systemd/debian/build.sh                      the package
#   systemd/debian/build.sh --without-libraries  the same without them, in seconds and without network: for tests
#   DEB_DIST    where to put it (default: dist)
set -eu
cd "$(dirname "$0")/../.."

libraries=yes
[ "${1:-}" != --without-libraries ] || libraries=no
dist=${DEB_DIST:-dist}
python=/usr/bin/python3 # the package is for Debian's own, whatever else is in PATH
home=/usr/lib/autodialer
fail() { echo "build.sh: $*" >&2; exit 1; }
"$python" -c 'import ensurepip' 2>/dev/null || fail "apt-get install python3-venv"
command -v dpkg-deb >/dev/null || fail "dpkg-deb is missing"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
tree=$work/tree
unset PYTHONPATH PYTHONHOME
umask 022

# A copy: pip writes beside what it builds.
mkdir -p "$work/source" "$tree/DEBIAN"
cp -r pyproject.toml README.md LICENSE dialer agi dialplan systemd "$work/source"
find "$work/source" -name __pycache__ -prune -exec rm -rf {} +

echo "build.sh: virtual environment" >&2
"$python" -m venv "$tree$home"
pip="$tree$home/bin/python -m pip --quiet --disable-pip-version-check --no-input"
if [ "$libraries" = yes ]; then
    PIP_CONSTRAINT=$PWD/constraints.txt $pip install --no-compile "$work/source"
else
    # by the setuptools that every new environment has, which cannot build wheels by itself
    (cd "$work/source" && "$tree$home/bin/python" -W ignore -c 'from setuptools import setup; setup()' --quiet \
        install --single-version-externally-managed --no-compile --record "$work/record" >&2)
fi
version=$("$tree$home/bin/python" -c 'from importlib.metadata import version; print(version("autodialer"))')
$pip uninstall --yes setuptools >/dev/null 2>&1 || true
$pip uninstall --yes pip >/dev/null 2>&1

echo "build.sh: $version" >&2
# Nothing may point to where it was built.
rm -f "$tree$home"/bin/activate* "$tree$home"/bin/Activate* "$tree$home"/bin/pip*
# of the libraries' commands none is for anybody
find "$tree$home/bin" -type f ! -name dialer -delete
rm -rf "$tree$home/include"
rm -f "$tree$home"/lib/python3.*/site-packages/autodialer-*.dist-info/direct_url.json
grep -rlI --null -- "$tree$home" "$tree$home/bin" "$tree$home/pyvenv.cfg" | xargs -0r sed -i "s,$tree$home,$home,g"
if [ "$libraries" = yes ]; then
    "$tree$home/bin/python" -m compileall -q -j 2 -s "$tree" -p / "$tree$home/lib" || true # templates of other Pythons
fi

install -d "$tree/usr/bin" "$tree/lib/systemd/system" "$tree/etc/default" "$tree/usr/share/man/man1" \
    "$tree/usr/share/doc/autodialer/examples" "$tree/usr/share/bash-completion/completions"
ln -s ../lib/autodialer/bin/dialer "$tree/usr/bin/dialer"
ln -s ../lib/autodialer/share/autodialer "$tree/usr/share/autodialer"
install -m 644 systemd/autodialer.service "$tree/lib/systemd/system"
install -m 644 systemd/debian/default "$tree/etc/default/autodialer"
gzip -9n <systemd/debian/dialer.1 >"$tree/usr/share/man/man1/dialer.1.gz"
gzip -9n <CHANGELOG.md >"$tree/usr/share/doc/autodialer/changelog.gz"
install -m 644 LICENSE "$tree/usr/share/doc/autodialer/copyright"
cp -r README.md docs systemd/fail2ban "$tree/usr/share/doc/autodialer/examples/"
if [ "$libraries" = yes ]; then
    _DIALER_COMPLETE=bash_source "$tree$home/bin/python" -c 'from dialer.cli import main; main(prog_name="dialer")' \
        >"$tree/usr/share/bash-completion/completions/dialer"
fi

architecture=$(dpkg --print-architecture)
minor=$("$python" -c 'import sys; print(sys.version_info.minor)')
sed -e "s/@VERSION@/$version/; s/@ARCHITECTURE@/$architecture/; s/@MINOR@/$minor/; s/@NEXT@/$((minor + 1))/" \
    -e "s/@SIZE@/$(du -sk "$tree" | cut -f1)/" systemd/debian/control.in >"$tree/DEBIAN/control"
echo /etc/default/autodialer >"$tree/DEBIAN/conffiles"
for script in postinst prerm postrm; do
    install -m 755 "systemd/debian/$script" "$tree/DEBIAN/$script"
done
(cd "$tree" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | xargs -0 md5sum) >"$tree/DEBIAN/md5sums"

mkdir -p "$dist"
package=$dist/autodialer_${version}_$architecture.deb
compression=xz
[ "$libraries" = yes ] || compression=none
dpkg-deb --root-owner-group -Z"$compression" --build "$tree" "$package" >&2
echo "$package"

#!/bin/sh
# Runs a command inside an Asterisk root in which some folders of this machine keep their paths, so that a path
# means the same outside and inside. Called by pbx.py:
#
#   unshare --mount --propagation private enter_root.sh ROOT HOSTS_FILE FOLDER... -- COMMAND...
#
# The mounts live in unshare's private namespace and vanish with the command. Every step execs, so the
# command keeps the process id that the caller holds and a SIGKILL hits it, not a wrapper.
set -eu
root=$1 hosts=$2
shift 2

mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
# Work folders are mostly below /tmp: a tmpfs there keeps the mount points out of the cached root.
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
# The machine's own name must resolve, or every call waits for DNS.
mount --bind "$hosts" "$root/etc/hosts"
while [ "$1" != -- ]; do
    mkdir -p "$root$1"
    mount --rbind "$1" "$root$1"
    shift
done
shift
exec chroot "$root" "$@"

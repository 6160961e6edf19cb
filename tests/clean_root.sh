#!/bin/sh
# The Dockerfile's steps in a clean Debian root, where no container engine is at hand. As root; needs debootstrap.
#
#   tests/clean_root.sh FOLDER [COMMAND]    the command in a fresh clone of this checkout, by default make smoke
#
# MIRROR: of Debian's packages, in place of debootstrap's own. SHARED: folders of this machine that the root sees too, to
# read only, such as one of wheels. Variables PIP_* are passed on. What was made stays in FOLDER/home/reader/paper.
set -eu
cd "$(dirname "$0")/.."
root=$1
command=${2:-make smoke}
[ ! -e "$root" ] || { echo "clean_root: found $root, expected no such folder; name another" >&2; exit 2; }

debootstrap --variant=minbase --include=ca-certificates,git,make,python3,python3-venv \
    bookworm "$root" ${MIRROR:+"$MIRROR"}
chroot "$root" useradd --create-home reader
git clone --quiet . "$root/home/reader/paper"
chroot "$root" chown -R reader: /home/reader
cp /etc/resolv.conf "$root/etc/"
[ ! -e /etc/pip.conf ] || cp /etc/pip.conf "$root/etc/"
cp -r /etc/ssl/certs "$root/etc/ssl/"

# A namespace of its own: the mounts go with it, however this ends.
export root command SHARED="${SHARED:-}"
unshare --mount --pid --fork sh -eu <<'INSIDE'
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
for folder in $SHARED; do
    mkdir -p "$root$folder"
    mount --bind -o ro "$folder" "$root$folder"
done
env -i HOME=/home/reader PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 $(env | grep '^PIP_' || true) \
    chroot --userspec=reader "$root" sh -c "cd ~/paper && $command"
INSIDE

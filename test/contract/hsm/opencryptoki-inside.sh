#!/bin/sh
# Runs a command where opencryptoki has a state of its own: `unshare -m -i -p -f … opencryptoki-inside.sh FOLDER COMMAND …`.
# The daemon, which opencryptoki needs, ends with the namespace.
set -eu
folder=$1
shift
mkdir -p "$folder/swtok/TOK_OBJ"
chown -R root:pkcs11 "$folder"
mount -t tmpfs none /run
mkdir -p /run/lock/opencryptoki/swtok
mount --bind "$folder" /var/lib/opencryptoki
pkcsslotd
exec "$@"

#!/bin/sh
# Installs redis-server on Debian and Ubuntu and leaves no service running or enabled: Callseal starts its own.
# Usage, as root: install-redis-debian.sh <path of policy-rc.d>
set -eu
policy="$1"

# invoke-rc.d and deb-systemd-invoke ask this file before they start a service; 101 forbids it.
# An administrator's own file stays as it is.
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  trap 'exit 1' HUP INT TERM
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi

export DEBIAN_FRONTEND=noninteractive
install="apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=120 -o Acquire::Retries=3 -o Dpkg::Use-Pty=0"

# A broken third-party source must not stop us: the installation decides.
apt-get update -qq -o DPkg::Lock::Timeout=120 -o Acquire::Retries=3 || echo "apt-get update failed, going on with the lists at hand" >&2
$install redis-server || $install valkey-server

if [ -d /run/systemd/system ] && command -v systemctl >/dev/null; then
  systemctl disable --now redis-server.service || systemctl disable --now valkey-server.service || true
elif command -v update-rc.d >/dev/null; then
  update-rc.d redis-server disable || true
fi

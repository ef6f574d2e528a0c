#!/usr/bin/env bash
# Installs what building and testing Aurora on Debian 12 needs and this machine lacks: Debian packages, the frontend's
# and the browser test's npm packages, and a Python environment with the reference COG validator.
# Called by the Makefile; a second run takes a second. `setup.sh build` leaves out what only tests need.
set -euo pipefail
cd "$(dirname "$0")/.."
for_what=${1:-all}

packages=(build-essential pkg-config libgdal-dev libisal-dev)
[ "$for_what" = all ] && packages+=(chromium e2fsprogs openssl python3-venv slurm-wlm slurmdbd slurmrestd
    slurm-wlm-jwt-plugin munge mariadb-server sshfs openssh-server samba smbnetfs postgresql)

missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
    echo "· installing ${missing[*]}"
    as_root=()
    [ "$(id -u)" = 0 ] || as_root=(sudo)
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# npm and pip are asked only when a lock file is newer than what was installed from it.
npm_packages() {
    if [ ! "$1/node_modules/.package-lock.json" -nt "$1/package-lock.json" ]; then
        echo "· installing the npm packages of $1"
        npm ci --prefix "$1" --no-audit --no-fund --loglevel=error
        touch "$1/node_modules/.package-lock.json"
    fi
}
npm_packages frontend
if [ "$for_what" = all ]; then
    npm_packages e2e/browser
    if [ ! .venv/installed -nt e2e/requirements.txt ]; then
        echo "· installing the reference COG validator"
        python3 -m venv .venv
        .venv/bin/pip install -q --disable-pip-version-check -r e2e/requirements.txt
        touch .venv/installed
    fi
fi

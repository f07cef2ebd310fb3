# What the scripts share: saying what happens, and installing what is missing, once.
# shellcheck shell=bash disable=SC2034 # the scripts that source this use its variables
set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
CACHE="$ROOT/.cache"
VENV="$ROOT/.venv"
cd "$ROOT"

BUILD_PACKAGES=(g++ cmake ninja-build pkg-config libbrotli-dev libpcap-dev libseccomp-dev libsimdjson-dev libssl-dev libzstd-dev zlib1g-dev)
TEST_PACKAGES=(ccache chromium chromium-driver curl faketime git iproute2 libgtest-dev nghttp2-client nginx-light prometheus shellcheck tshark valgrind)
ENGINE_PACKAGES=(debootstrap docker.io)
# For a Kubernetes on this machine: see tests/cluster.
CLUSTER_PACKAGES=(conntrack containernetworking-plugins etcd-server iproute2 iptables openssl)

say() { printf '\033[1m== %s\033[0m\n' "$*" >&2; }
die() {
    printf '\033[1;31m%s\033[0m\n' "$*" >&2
    exit 1
}

as_root() {
    if [[ $EUID -eq 0 ]]; then "$@"; else sudo "$@"; fi
}

installed() { [[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" == installed ]]; }

# Installs those of the named packages that are missing; does nothing when none is.
apt_install() {
    local missing=() package
    for package in "$@"; do installed "$package" || missing+=("$package"); done
    [[ ${#missing[@]} -eq 0 ]] && return
    command -v apt-get >/dev/null || die "This needs Debian or Ubuntu, or by hand: ${missing[*]}"
    [[ $EUID -eq 0 ]] || command -v sudo >/dev/null || die "As root: apt-get install ${missing[*]}"
    say "Installing from the distribution: ${missing[*]}"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -yqq --no-install-recommends "${missing[@]}" >/dev/null
}

# clang, and libFuzzer, which some releases have in a package of its own.
install_fuzzer() {
    apt_install clang
    local runtime
    runtime="libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev"
    if apt-cache show "$runtime" >/dev/null 2>&1; then apt_install "$runtime"; fi
}

# Installs packages without starting a service only because its program is wanted (nginx, docker, etcd).
without_services() {
    local policy=/usr/sbin/policy-rc.d
    if [[ -e $policy ]]; then
        "$@"
        return
    fi
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod +x "$policy"
    trap 'as_root rm -f /usr/sbin/policy-rc.d' EXIT
    "$@"
    as_root rm -f "$policy"
    trap - EXIT
}

# Prints a Python of 3.11 or newer that can make virtual environments.
find_python() {
    local candidate
    for candidate in python3 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

# The same, after installing one where there is none: Ubuntu 22.04's own is 3.10, with 3.11 beside it.
provide_python() {
    find_python >/dev/null || apt_install python3-venv
    find_python >/dev/null || apt_install python3.11-venv
    find_python || die "Python 3.11 or newer is needed, with its venv module."
}

use_ccache() {
    if ! command -v ccache >/dev/null; then return; fi
    export CMAKE_CXX_COMPILER_LAUNCHER=ccache
    # What another checkout compiled is the same here.
    export CCACHE_BASEDIR="$ROOT" CCACHE_NOHASHDIR=1
}

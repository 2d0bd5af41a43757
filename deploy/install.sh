#!/usr/bin/env bash
# Installs the Debian packages that Baton needs and this machine lacks.
#
#   deploy/install.sh serve   what it takes to build and run
#   deploy/install.sh test    what it takes to run the tests as well
#   deploy/install.sh fuzz    what it takes to run the fuzz targets
#   deploy/install.sh make    make itself, where even that is missing
#
# Every command that changes the system is printed before it runs. What is there is left alone.
set -euo pipefail

# The places where Baton itself looks; a plain user's PATH lacks some of them.
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

missing=()

has() {
    command -v "$1" >/dev/null
}

need() { # package command
    has "$2" || missing+=("$1")
}

has_postgres() {
    local bin
    if has postgres && has initdb; then
        return
    fi
    for bin in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/local/pgsql/bin; do
        if [ -x "$bin/postgres" ] && [ -x "$bin/initdb" ]; then
            return
        fi
    done
    return 1
}

run() {
    echo "+ $*"
    "$@"
}

install_missing() {
    local as_root=()
    if ! has apt-get; then
        echo "error: please install: ${missing[*]} (there is no apt-get here to do it)" >&2
        exit 1
    fi
    if [ "$(id -u)" -ne 0 ]; then
        has sudo || {
            echo "error: please run as root: apt-get install ${missing[*]}" >&2
            exit 1
        }
        as_root=(sudo)
    fi
    as_root+=(env DEBIAN_FRONTEND=noninteractive)
    run "${as_root[@]}" apt-get update -q
    run "${as_root[@]}" apt-get install -q -y --no-install-recommends "${missing[@]}"
    # Debian starts what it installs. Baton runs servers of its own, on other ports.
    if [ -d /run/systemd/system ] && [[ " ${missing[*]} " =~ " "(postgresql|nats-server)" " ]]; then
        echo "The packages may have started servers, which Baton does not use."
        echo "To stop them: sudo systemctl disable --now postgresql nats-server"
    fi
}

case "${1:-serve}" in
make)
    need make make
    ;;
fuzz)
    need gcc cc
    # libFuzzer is C++.
    need g++ c++
    ;;
serve | test)
    has cargo || {
        echo "error: Rust is not installed: see https://rustup.rs" >&2
        exit 1
    }
    need gcc cc
    [ -e /usr/include/stdlib.h ] || missing+=(libc6-dev)
    need nats-server nats-server
    has_postgres || missing+=(postgresql)
    if [ "${1:-serve}" = test ]; then
        # The examples, which the tests run.
        need curl curl
        need python3 python3
        # The tests install published Python packages below target/.
        python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
        # A client in TypeScript is generated, compiled and run.
        need nodejs node
        need npm npm
    fi
    ;;
*)
    echo "usage: deploy/install.sh serve|test|fuzz|make" >&2
    exit 2
    ;;
esac

if [ "${#missing[@]}" -gt 0 ]; then
    install_missing
fi

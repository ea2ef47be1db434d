# shellcheck shell=sh
# Sourced by ./run and ./test: a virtual environment from a lock file, made again only when something changed.

# The first Python on this machine that sipbox runs with (3.11 to 3.13), or nothing.
find_python() {
    for candidate in python3 python3.13 python3.12 python3.11 /usr/bin/python3; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
}

# "root", "sudo" or nothing: how this user may install packages.
rights() {
    if [ "$(id -u)" -eq 0 ]; then
        echo root
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        echo sudo
    fi
}

# install_packages NAME...: by apt-get when we may, else one line that says what an administrator types.
install_packages() {
    case $(rights) in
        root) by='' ;;
        sudo) by='sudo -n' ;;
        *)
            echo "Packages are missing on this machine. As root, type: apt-get install $*" >&2
            return 1
            ;;
    esac
    echo "Installing from Debian: $*" >&2
    log=$(mktemp)
    # A service that comes with a package is not started: the tests start their own, on ports of their own.
    # shellcheck disable=SC2016  # the inner shell expands them
    if $by sh -c '
        policy=/usr/sbin/policy-rc.d
        if [ ! -e "$policy" ]; then
            printf "#!/bin/sh\nexit 101\n" >"$policy" && chmod 755 "$policy"
            trap "rm -f $policy" EXIT
        fi
        export DEBIAN_FRONTEND=noninteractive
        apt-get update -q && apt-get install -q -y --no-install-recommends "$@"
    ' sh "$@" >"$log" 2>&1 </dev/null; then
        rm -f "$log"
        return 0
    fi
    tail -n 15 "$log" >&2
    rm -f "$log"
    echo "That failed. As root, type: apt-get install $*" >&2
    return 1
}

# make_venv LOCK...: .venv with what the last lock names. An earlier LOCK is one that the last one contains.
make_venv() {
    for lock in "$@"; do :; done
    for wanted in "$@"; do
        if [ "$(cat ".venv/$wanted.stamp" 2>/dev/null)" != "$(stamp_of "$wanted")" ]; then
            fill_venv "$lock" "$@"
            return
        fi
    done
}

# What an environment depends on: where it lies, the lock, and the commands that the package declares.
stamp_of() {
    { pwd && cat "$1" && sed -n '/^\[project.scripts\]/,/^$/p' pyproject.toml; } | sha256sum
}

fill_venv() {
    lock=$1
    shift
    python=$(find_python)
    if [ -z "$python" ] || ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        install_packages python3 python3-venv || return 1
        python=$(find_python)
    fi
    if [ -z "$python" ]; then
        echo "sipbox needs Python 3.11, 3.12 or 3.13; this machine has none of them." >&2
        return 1
    fi
    echo "Preparing .venv from $lock ..." >&2
    if ! .venv/bin/python -c '' 2>/dev/null || [ "$(cat .venv/place 2>/dev/null)" != "$PWD" ]; then
        "$python" -m venv --clear .venv || return 1
        echo "$PWD" >.venv/place
    fi
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock" || return 1
    # The package itself, as it lies here; what builds it is in the lock.
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . || return 1
    for done in "$@"; do
        stamp_of "$done" >".venv/$done.stamp"
    done
}

# Sourced by tools/play and tools/test: a virtual environment in the checkout with pinned packages, and OpenGL.
# Plain words about what happens go to standard error. Nothing is done twice: a stamp remembers what was installed.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
export PIP_DISABLE_PIP_VERSION_CHECK=1

say() { printf 'daguerre: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# The first Python of at least 3.11, newest name last: 3.11 is what the pins were chosen with.
find_python() {
    local candidate
    for candidate in "${PYTHON:-}" python3.11 python3.12 python3.13 python3; do
        if [ -n "$candidate" ] && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    fail "Python 3.11 or later is needed and was not found. On Debian 12: apt install python3 python3-venv"
}

# apt where we are root, else the one line to run. $1 is what for; the rest are packages.
apt_install() {
    local purpose="$1"
    shift
    local line="apt install --no-install-recommends $*"
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "installing $* with apt ($purpose)"
        export DEBIAN_FRONTEND=noninteractive
        apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1 && return
        apt-get update -qq >&2 || return 1
        apt-get install -y -qq --no-install-recommends "$@" >/dev/null && return
    fi
    say "$purpose: please run:  sudo $line"
    return 1
}

has_library() { PATH="$PATH:/usr/sbin:/sbin" ldconfig -p 2>/dev/null | grep -q "$1"; }

# OpenGL without a display: EGL and a driver. Mesa's llvmpipe draws where there is no GPU.
install_opengl() {
    [ "$(uname -s)" = Linux ] || return 0
    local missing=()
    has_library 'libEGL\.so\.1' || missing+=(libegl1)
    has_library 'libGL\.so\.1' || missing+=(libgl1)
    compgen -G '/usr/lib/*/dri/*_dri.so' >/dev/null || compgen -G '/usr/lib/*/libEGL_nvidia.so*' >/dev/null ||
        compgen -G '/usr/lib*/dri/*_dri.so' >/dev/null || missing+=(libgl1-mesa-dri)
    [ ${#missing[@]} = 0 ] || apt_install "pictures need OpenGL" "${missing[@]}" || true
}

# install_packages EXTRAS: an environment in .venv with this checkout and its pinned packages.
install_packages() {
    local extras="$1" python stamp wanted
    stamp=.venv/installed
    if [ -x .venv/bin/python ]; then python=.venv/bin/python; else python="$(find_python)" || exit 1; fi
    wanted="$(cat pyproject.toml tools/constraints.txt | cksum) $("$python" -V 2>&1) $PWD"
    if [ -f "$stamp" ] && [ "$(head -n 1 "$stamp")" = "$wanted" ] && { [ -z "$extras" ] || grep -qx "$extras" "$stamp"; }; then
        return
    fi
    if [ ! -x .venv/bin/pip ]; then
        say "making a virtual environment in .venv with $("$python" -V)"
        rm -rf .venv
        if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
            apt_install "virtual environments" "python$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv" || exit 1
        fi
        "$python" -m venv .venv || fail "python -m venv did not work; see above"
    fi
    say "installing packages${extras:+ and those for $extras} (once; a few minutes)"
    rm -f "$stamp"
    PIP_CONSTRAINT=tools/constraints.txt .venv/bin/python -m pip install --quiet --editable ".${extras:+[$extras]}" ||
        fail "pip could not install the packages; see above"
    { echo "$wanted"; [ -z "$extras" ] || echo "$extras"; } >"$stamp"
    install_opengl
}

# numba's kernels take a while to compile, and a picture that waits for one stands still: all that play may need are
# compiled once and kept for every later start, as are the engine's modules, also where PYTHONDONTWRITEBYTECODE is set:
# to compile those takes a fifth of a second of a start.
compile_kernels() {
    [ -f .venv/compiled ] && [ .venv/compiled -nt .venv/installed ] && return
    say "compiling light kernels (once; two to five minutes)"
    .venv/bin/python -m compileall -q engine || true
    if .venv/bin/python -m engine doctor --compile >/dev/null; then
        touch .venv/compiled
    else
        say "the first pictures failed; see above"
    fi
}

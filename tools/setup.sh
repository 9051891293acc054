# shellcheck shell=bash disable=SC2034
# What quickstart, check and fuzz share; sourced from the project's root. Installs what is missing and builds.

# Debian's names: to build and run anywhere (PoCL is the device where there is no other), to test, to show.
packages_build=(build-essential cmake pkg-config ocl-icd-opencl-dev opencl-headers pocl-opencl-icd libclblast-dev
    libjpeg62-turbo-dev libinih-dev libcjson-dev libpng-dev libxxhash-dev zlib1g-dev)
packages_ranks=(libopenmpi-dev openmpi-bin) # several processes, a device each; the build finds it or goes without
packages_test=(libcmocka-dev python3 groff-base "${packages_ranks[@]}")
packages_judges=(python3-torch) # what judges exported models; the test says so where it is missing
packages_portability=(binutils clang-15 intel-opencl-icd libclc-15) # tools/portability leaves out what is missing
packages_fuzz=(clang libclang-rt-dev)
packages_data=(dataset-fashion-mnist)

# need PACKAGE...: says nothing where all are installed; installs them as root; otherwise prints the line to run, ends.
need() {
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        echo "This is no Debian system: install what corresponds to $* if the build asks for it."
        return
    fi
    local package missing=()
    for package in "$@"; do
        [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] ||
            missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" != 0 ]; then
        echo "Some packages are missing. Run this line, then come back:"
        echo "    sudo apt-get install ${missing[*]}"
        exit 1
    fi
    echo "Installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    quietly apt-get update
    quietly apt-get install -y --no-install-recommends "${missing[@]}"
}

# build_project [CMAKE OPTION...]: an optimised build in build/.
build_project() {
    quietly cmake -S . -B build -DCMAKE_BUILD_TYPE=Release "$@"
    quietly cmake --build build --parallel "$(nproc)"
}

# quietly COMMAND...: its output is shown only if it fails.
quietly() {
    local log status=0
    log=$(mktemp)
    "$@" >"$log" 2>&1 || status=$?
    [ $status = 0 ] || { cat "$log" >&2; echo "failed: $*" >&2; }
    rm -f "$log"
    return $status
}

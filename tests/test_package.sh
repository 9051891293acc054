#!/usr/bin/env bash
# `cpack -G DEB`: the package's files are those of `cmake --install`, and it depends on what its programs link.
#   test_package.sh CMAKE CPACK BUILD
set -u
cmake=$1 cpack=$2 build=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0 checks=0

check() { # WHAT GOT EXPECTED
    checks=$((checks + 1))
    [ "$2" = "$3" ] && return
    failures=$((failures + 1))
    printf 'FAILED: %s\n  got:      %s\n  expected: %s\n' "$1" "$2" "$3"
}
"$cpack" -G DEB -B "$work" --config "$build/CPackConfig.cmake" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
DESTDIR=$work/dest "$cmake" --install "$build" --prefix /usr >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
package=$(echo "$work"/*.deb)
field() { dpkg-deb -f "$package" "$1"; }

check 'name' "$(basename "$package")" \
    "ijepa-cl_$("$work/dest/usr/bin/ijepa" --version | sed 's/.* //')_$(dpkg --print-architecture).deb"
check 'files' "$(dpkg-deb --fsys-tarfile "$package" | tar -t | grep -v '/$' | sort)" \
    "$(cd "$work/dest" && find . ! -type d | sed 's/\.1$/.1.gz/' | sort)"
check 'owners' "$(dpkg-deb --fsys-tarfile "$package" | tar -tv | awk '{ print $2 }' | sort -u)" root/root
check 'what others may write' "$(dpkg-deb --fsys-tarfile "$package" | tar -tv | grep -v '^l' | grep -c '^.......[^-]. \|^........w')" 0

# A package that holds each library that a program or ours needs; dpkg's own database tells which that is.
depends=$(field Depends)
needed=$(for file in "$work"/dest/usr/bin/* "$(find "$work/dest" -name 'libijepa.so.*.*')"; do
    ldd "$file" | awk '$3 ~ /^\// { print $1 }'
done | sort -u)
linked=$(readelf -d "$work"/dest/usr/bin/* "$(find "$work/dest" -name 'libijepa.so.*.*')" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' | sort -u)
for library in $linked; do
    grep -qxF "$library" <<<"$needed" || continue # the loader
    owner=$(dpkg-query -S "*/$library" 2>/dev/null | sed 's/:.*//' | sort -u | head -1)
    check "depends on $owner for $library" "$(grep -cE "(^|[ ,|])$owner([ ,(]|\$)" <<<"$depends")" 1
done
checks=$((checks + 1))
[ "$(wc -w <<<"$linked")" -ge 6 ] || { failures=$((failures + 1)); echo "FAILED: few libraries are linked: $linked"; }
check 'a version of the C library' "$(grep -c 'libc6 (>= [0-9.]*)' <<<"$depends")" 1
check 'development packages among the dependencies' "$(grep -c -- '-dev' <<<"$depends")" 0
check 'a driver' "$(field Recommends)" 'pocl-opencl-icd | opencl-icd'
for name in Maintainer Section Priority Installed-Size Description; do
    check "field $name" "$([ -n "$(field $name)" ] && echo there)" there
done

echo "$checks checks, $failures failed"
[ $failures = 0 ]

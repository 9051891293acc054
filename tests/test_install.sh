#!/usr/bin/env bash
# `cmake --install` into a folder: what lies there, the shared library's exports, the example compiled against it, the
# presets by name. Compiles with the build's own compiler.
#   test_install.sh CMAKE BUILD SOURCE CC IJEPA EMBED_REFERENCE
set -u
cmake=$1 build=$2 source=$3 cc=$4 ijepa=$5 reference=$6
work=$(cd "$(mktemp -d)" && pwd -P)
trap 'rm -rf "$work"' EXIT
failures=0 checks=0

check() { # WHAT GOT EXPECTED
    checks=$((checks + 1))
    [ "$2" = "$3" ] && return
    failures=$((failures + 1))
    printf 'FAILED: %s\n  got:      %s\n  expected: %s\n' "$1" "$2" "$3"
}
install() { # DESTDIR PREFIX
    DESTDIR=$1 "$cmake" --install "$build" --prefix "$2" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
}

# ---- What is installed, with a prefix and below DESTDIR
prefix=$work/prefix
install '' "$prefix"
install "$work/dest" /usr
files() { (cd "$1" && find . ! -type d | sort); }
names() { find "$1" -mindepth 1 -printf '%f\n' | sort | paste -sd ' '; }
check 'files below DESTDIR' "$(files "$work/dest/usr")" "$(files "$prefix")"
check 'folders below DESTDIR' "$(ls -A "$work/dest")" usr
check 'programs' "$(names "$prefix/bin")" 'ijepa ijepa-autotune ijepa-bench'
check 'headers' "$(names "$prefix/include")" ijepa.h
check 'presets' "$(ls "$prefix/share/ijepa-cl/presets")" "$(cd "$source/ini" && ls -- *.ini)"
check 'completions' "$(names "$prefix/share/bash-completion/completions")" 'ijepa ijepa-autotune ijepa-bench'
for file in copyright README.md docs/method.md docs/tuning.md examples/embed.c; do
    check "share/doc/ijepa-cl/$file" "$([ -s "$prefix/share/doc/ijepa-cl/$file" ] && echo there)" there
done
for page in ijepa ijepa-train ijepa-autotune; do
    check "man page $page" "$([ -s "$prefix/share/man/man1/$page.1" ] && echo there)" there
done
check 'the build in what was installed' "$(grep -rlF -e "$build" -e "$source" "$prefix" | grep -v '\.debug$')" ''
check 'version' "$("$prefix/bin/ijepa" --version)" "$("$ijepa" --version)"

# ---- Presets by name: of what was installed, of a moved tree, of the build; a file in the working folder comes first
mkdir "$work/empty" && cd "$work/empty" || exit 1
by_name() { "$1" config "$2" 2>&1 | grep -c '^crop_size = 24'; }
check 'a preset, installed' "$(by_name "$prefix/bin/ijepa" tiny.ini)" 1
check 'its path' "$("$prefix/bin/ijepa" config tiny.ini | head -1 | cut -d, -f1)" "; $prefix/share/ijepa-cl/presets/tiny.ini"
check 'a preset, from the build' "$(by_name "$ijepa" tiny.ini)" 1
check 'a preset for ijepa-bench' "$("$prefix/bin/ijepa-bench" loader tiny.ini 2>&1 | grep -c 'root_path is not set')" 1
mv "$prefix" "$work/moved"
prefix=$work/moved
check 'a preset, moved' "$(by_name "$prefix/bin/ijepa" tiny.ini)" 1
sed 's/^crop_size = .*/crop_size = 32/' "$source/ini/tiny.ini" >tiny.ini
check 'a file here comes first' "$("$prefix/bin/ijepa" config tiny.ini | grep -c '^crop_size = 32')" 1
check 'no such preset' "$("$prefix/bin/ijepa" config nothing.ini 2>&1 | grep -c 'nothing.ini.*nor is there such a preset in .*/moved')" 1
check 'presets are plain names' "$("$prefix/bin/ijepa" config ./vit_tiny.ini 2>&1 | grep -c 'cannot open.*vit_tiny.ini: No such file[^;]*$')" 1
mv "$prefix" "$work/prefix"
prefix=$work/prefix

# ---- The library
library=$(find "$prefix" -name libijepa.so)
libraries=$(dirname "$library")
declared=$(sed -n 's/^IJEPA_API .*[ *]\(ijepa_[a-z_]*\)(.*/\1/p' "$prefix/include/ijepa.h" | sort)
check 'exports' "$(nm -D --defined-only "$library" | awk '{ print $3 }' | sort)" "$declared"
check 'soname' "$(readlink "$library")" libijepa.so.0
export PKG_CONFIG_PATH=$libraries/pkgconfig
check 'pkg-config: version' "ijepa $(pkg-config --modversion ijepa)" "$("$ijepa" --version)"
check 'pkg-config: prefix' "$(pkg-config --variable=prefix ijepa)" "$prefix"
check 'pkg-config below DESTDIR' "$(grep -c '^prefix=/usr$' "$(find "$work/dest" -name ijepa.pc)")" 1

# ---- The header alone, as C11 and as C++
echo '#include <ijepa.h>' >header.c
# shellcheck disable=SC2046
compile() { "$cc" -Wall -Wextra -Wpedantic -Werror $(pkg-config --cflags ijepa) "$@"; }
check 'the header as C11' "$(compile -std=c11 -fsyntax-only header.c 2>&1)" ''
if echo 'int main() { return 0; }' | "$cc" -x c++ -fsyntax-only - 2>/dev/null; then
    check 'the header as C++' "$(compile -x c++ -fsyntax-only header.c 2>&1)" ''
else
    echo "SKIPPED: the header as C++: $cc does not compile C++ here"
fi

# ---- The example
# shellcheck disable=SC2046
check 'compiling the example' "$(compile -std=c11 "$prefix/share/doc/ijepa-cl/examples/embed.c" \
    $(pkg-config --libs ijepa) -o embed 2>&1)" ''
export LD_LIBRARY_PATH=$libraries
images=$source/tests/golden/crops
"$reference" "$source/tests/model_files/own.safetensors" "$images" 0 >"$work/expected"
status=$?
if [ $status = 77 ]; then
    cat "$work/expected"
else
    for model in own.safetensors official.pth.tar hf; do
        "$reference" "$source/tests/model_files/$model" "$images" 1 >"$work/expected"
        check "features by $model" "$(./embed "$source/tests/model_files/$model" "$images/n02666196_abacus.JPEG" 2>&1)" \
            "$(cat "$work/expected")"
        check "numbers by $model" "$(grep -c '^-\?[0-9.e-]*$' "$work/expected")" 16
    done
    check 'a model that is none' "$(./embed "$source/README.md" x 2>&1 | grep -c '^embed: .*README.md')" 1
    check 'an image that is none' \
        "$(./embed "$source/tests/model_files/hf" "$source/README.md" 2>&1 | grep -c '^embed: .*README.md')" 1
fi

echo "$checks checks, $failures failed"
[ $failures = 0 ]

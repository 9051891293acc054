#!/usr/bin/env bash
# Manual pages and bash completion against what the programs print with --help: every command and every option is in
# both. Needs no OpenCL device.
#   test_manual.sh IJEPA AUTOTUNE BENCH PAGES COMPLETION
set -u
ijepa=$1 autotune=$2 bench=$3 pages=$4 completion=$5
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0 checks=0

check() { # WHAT GOT EXPECTED
    checks=$((checks + 1))
    [ "$2" = "$3" ] && return
    failures=$((failures + 1))
    printf 'FAILED: %s\n  got:      %s\n  expected: %s\n' "$1" "$2" "$3"
}
commands=$("$ijepa" --help | awk '/^  ijepa / { print $2 }')
checks=$((checks + 1))
[ "$(wc -w <<<"$commands")" -ge 7 ] || { echo "FAILED: there are few commands: $commands"; failures=1; }
words() { tr -s '[:space:]' '\n' | grep . | sort -u | paste -sd ' '; }
options() { grep -oE -- '--[a-z][a-z0-9-]*' | words; } # all that a text mentions
taken() { # by COMMAND...: what its usage and its list name
    local help
    help=$("$@" --help)
    { sed '/^$/q' <<<"$help" | grep -oE -- '--[a-z][a-z0-9-]*'; sed -nE 's/^ {2,8}(--[a-z0-9-]*).*/\1/p' <<<"$help"; echo --help; } | words
}

# ---- Pages
check 'pages' "$(for page in "$pages"/*.1; do basename "$page" .1; done | words)" \
    "$(echo "$(for c in $commands; do echo "ijepa-$c"; done) ijepa ijepa-autotune ijepa-bench" | words)"
page() { # NAME COMMAND...: all options and all indented terms of the help text are in the page, the latter as entries
    local name=$1 file=$pages/$1.1 help
    shift
    help=$("$@" --help)
    check "options of $name" "$(sed 's/\\-/-/g' "$file" | grep -v '^\.\\"' | options)" "$(cat - "$work/more" <<<"$help" | options)"
    check "$name: an option of its list without two spaces before what it is" \
        "$(grep -E '^ {2,8}--' <<<"$help" | grep -vE '^ +[^ ]+( [^ ]+)*  +[^ ]' | head -1)" ''
    check "$name: entries" "$(grep -A1 '^\.TP' "$file" | sed -n 's/\\-/-/g;s/^\\fB\(--[a-z-]*\).*/\1/p' | sort | paste -sd ' ')" \
        "$(sed -nE 's/^ {2,8}(--[a-z-]*).*/\1/p' <<<"$help" | sort | paste -sd ' ')"
    check "$name: its purpose" "$(sed -n '/^\.SH NAME/{n;p}' "$file" | grep -c '^ijepa[a-z\-]* \\- [a-z]')" 1
    check "$name: its synopsis" "$(sed -n '/^\.SH SYNOPSIS/{n;p}' "$file" | grep -c '^\\fBijepa')" 1
}
sources=$(dirname "$completion")/../docs/man
for command in $commands; do
    sed 's/\\-/-/g' "$sources/ijepa-$command.roff" >"$work/more" 2>/dev/null # what the page says beyond the help
    page "ijepa-$command" "$ijepa" "$command"
done
: >"$work/more"
page ijepa-autotune "$autotune"
page ijepa-bench "$bench"
for command in $commands; do
    check "ijepa.1 names $command" "$(grep -c "^\\\\fBijepa $command\\\\fR" "$pages/ijepa.1")" 1
    check "ijepa.1 refers to $command" "$(sed '1,/^\.SH SEE ALSO/d' "$pages/ijepa.1" | grep -c "$command (1)")" 1
done
if command -v groff >/dev/null; then
    for file in "$pages"/*.1; do
        check "warnings on $(basename "$file")" "$(groff -man -Tascii -ww -z "$file" 2>&1)" ''
    done
else
    echo "SKIPPED: warnings on manual pages: there is no groff here"
fi

# ---- Completion
mkdir "$work/bin" "$work/here" && cd "$work/here" || exit 1
for program in "$ijepa" "$autotune" "$bench"; do ln -s "$program" "$work/bin/"; done
touch mine.ini other.txt
mkdir folder
complete_words() { # WORD...: what the last of the words can become
    PATH=$work/bin:$PATH bash -c '. "$1"; shift
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
        _ijepa "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}" 2>/dev/null
        printf "%s\n" "${COMPREPLY[@]}"' bash "$completion" "$@" | words
}
check 'commands' "$(complete_words ijepa '')" "$(echo "$commands --help --version" | words)"
check 'commands in tr' "$(complete_words ijepa tr)" train
check 'commands of bench' "$(complete_words ijepa-bench s)" step
for command in $commands; do
    check "options of $command" "$(complete_words ijepa "$command" --)" \
        "$(taken "$ijepa" "$command")"
done
check 'options of autotune' "$(complete_words ijepa-autotune --)" "$(taken "$autotune")"
check 'options of bench' "$(complete_words ijepa-bench step --)" "$(taken "$bench")"
check 'no options of others' "$(complete_words ijepa config --)" '--device --help --set'
check 'formats' "$(complete_words ijepa export a b --format '')" 'huggingface official safetensors'
check 'choices' "$(complete_words ijepa export a b --dtype '')" 'bf16 f16 f32'
check 'files of a model' "$(complete_words ijepa export '')" '' # left to bash
check 'keys' "$(complete_words ijepa train tiny.ini --set data.c)" \
    'data.color_jitter_strength= data.crop_scale= data.crop_size='
check 'keys in all' "$(complete_words ijepa train tiny.ini --set '' | wc -w)" \
    "$("$ijepa" config --help | grep -c '^  [a-z_0-9]* = ')"
check 'devices' "$(complete_words ijepa train tiny.ini --device g)" gpu
presets=$(cd "$(dirname "$completion")/../ini" && ls -- *.ini)
check 'configurations' "$(complete_words ijepa train '')" "$(echo "$presets mine.ini folder" | words)"
check 'configurations of autotune' "$(complete_words ijepa-autotune m)" 'mine.ini'
check 'configurations for data' "$(complete_words ijepa data folder --config qui)" 'quickstart.ini'
check 'another file' "$(complete_words ijepa train mine.ini --init o)" '' # left to bash

echo "$checks checks, $failures failed"
[ $failures = 0 ]

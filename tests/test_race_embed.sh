#!/usr/bin/env bash
# tools/race-embed with stand-ins for bench and PyTorch that name the times they are told to: what it prints, and that
# whatever fails is an error with its message. Times nothing.
#   test_race_embed.sh RACE
set -u
race=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
checks=0 failures=0

cat >"$work/bench" <<'SH'
#!/bin/sh
[ "$OURS" != fail ] || { echo "bench: no such device" >&2; exit 1; }
[ "$1" = embed ] && [ -d "$2" ] && [ "$3" = --batch ] || { echo "bench: $*" >&2; exit 1; }
echo "device_mib 1 feature_norm 2.5 step_ms $OURS"
SH
# A Python: says its versions, makes a model, or times it.
cat >"$work/python" <<'SH'
#!/bin/sh
if [ "$1" = -c ]; then [ "$TORCH" != none ] && echo "PyTorch $TORCH, transformers 9"; exit; fi
if [ "$2" = --make ]; then [ "$3" != unknown ] && exec mkdir "$4"; echo 'invalid choice'; exit 2; fi
[ -d "$2" ] || exit 1
[ "$THEIRS" != silent ] || exit 0
echo "torch 9 images_per_second 1 feature_norm $NORM step_ms $THEIRS"
SH
chmod +x "$work/bench" "$work/python"

# expect STATUS PATTERN [NAME=VALUE...] [-- OPTION...]: what the race ends with and says.
expect() {
    local status=$1 pattern=$2 got=0 environment=()
    shift 2
    while (($#)) && [[ $1 != -- ]]; do environment+=("$1"); shift; done
    (($# == 0)) || shift
    checks=$((checks + 1))
    env OURS=100 THEIRS=200 NORM=2.50001 TORCH=9.9 "${environment[@]}" "$race" --bench "$work/bench" \
        --python "$work/python" --runs 2 "$@" >"$work/out" 2>&1 || got=$?
    if [[ $got != "$status" ]] || ! grep -qE -- "$pattern" "$work/out"; then
        failures=$((failures + 1))
        echo "FAILED: ${environment[*]} $*: exit status $got, expected $status, and \"$pattern\" in:"
        sed 's/^/    /' "$work/out"
    fi
}

expect 0 '^vit_base16 +batch 1 +ours +10.000 images/s, transformers +5.000, ratio 2.00$'
expect 0 '^vit_huge14 +batch 16 +ours +160.000 images/s, transformers +80.000, ratio 2.00$'
expect 0 '^20[0-9-]{8}, .*, [0-9]+ processors, PyTorch 9.9, transformers 9$' -- --models vit_base16
expect 0 '^vit_base16 +batch 8 .*ratio 0.50$' OURS=400 -- --models vit_base16 --batches 8
expect 1 'features of norm 2.5 here and 2.6 there' NORM=2.6
expect 1 'bench: no such device' OURS=fail
expect 1 'printed no time' THEIRS=silent
expect 1 'has no torch and transformers' TORCH=none
expect 1 'no model unknown' -- --models unknown
expect 2 'Usage' -- --runs 0
expect 2 'Usage' -- --fast
expect 0 'Usage' -- --help

echo "$checks checks, $failures failed"
[ "$failures" -eq 0 ]

#!/usr/bin/env bash
# tools/race with stand-ins for bench and PyTorch that name the rates they are told to: which form of the peer counts,
# and that whatever fails is an error with its message. Times nothing.
#   test_race.sh RACE
set -u
race=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
checks=0 failures=0

cat >"$work/bench" <<'SH'
#!/bin/sh
[ "$OURS" != fail ] || { echo "bench: no such device" >&2; exit 1; }
echo "images_per_second 1 step_ms $OURS"
SH
# A Python: says its torch's version, or runs the peer's file ($1), whose --best takes another time.
cat >"$work/python" <<'SH'
#!/bin/sh
if [ "$1" = -c ]; then [ "$TORCH" != none ] && echo "$TORCH"; exit; fi
[ -f "$1" ] || { echo "no file $1" >&2; exit 2; }
case " $* " in *" --best "*) time=$BEST ;; *) time=$PLAIN ;; esac
case $time in
fail) printf 'Traceback\nRuntimeError: no compiler for it\n\nA hint\n' >&2; exit 1 ;;
silent) exit 0 ;;
esac
echo "torch 9.9 step_ms $time images_per_second 1 loss 1"
SH
chmod +x "$work/bench" "$work/python"
mkdir "$work/peer"
: >"$work/peer/bench_torch.py"

# expect STATUS PATTERN [NAME=VALUE...] [-- OPTION...]: what the race ends with and says, in the folder $work.
expect() {
    local status=$1 pattern=$2 got=0 environment=()
    shift 2
    while (($#)) && [[ $1 != -- ]]; do environment+=("$1"); shift; done
    (($# == 0)) || shift
    checks=$((checks + 1))
    (cd "$work" && env OURS=100 PLAIN=200 BEST=400 TORCH=9.9 "${environment[@]}" "$race" --bench "$work/bench" \
        --python "$work/python" --runs 3 "$@") >"$work/out" 2>&1 || got=$?
    if [[ $got != "$status" ]] || ! grep -qE -- "$pattern" "$work/out"; then
        failures=$((failures + 1))
        echo "FAILED: ${environment[*]} $*: exit status $got, expected $status, and \"$pattern\" in:"
        sed 's/^/    /' "$work/out"
    fi
}

# 128 images in 100 ms against 200 or 400 ms, of three configurations
expect 0 '^cifar10 +ours +1280.00 images/s, PyTorch 9.9 plain +640.00, ratio 2.00$'
expect 0 '^vit_base +ours +80.00 images/s, PyTorch 9.9 plain +40.00, ratio 2.00$'
expect 0 '^cifar10 .* PyTorch 9.9 --best +1024.00, ratio 1.25$' BEST=125
expect 0 '^20[0-9-]{8}, .*, [0-9]+ processors, PyTorch 9.9$' -- --only vit_small
expect 0 'plain PyTorch only: RuntimeError: no compiler for it$' BEST=fail
expect 0 '^vit_small .* PyTorch 9.9 plain ' BEST=fail
expect 0 '^cifar10 .* plain ' -- --peer peer --only cifar10
expect 0 '^cifar10 .* plain ' -- --peer peer/bench_torch.py --only cifar10
expect 1 'RuntimeError: no compiler for it' PLAIN=fail
expect 1 'race: .*bench_torch.py failed$' PLAIN=fail
expect 1 'race: .*bench_torch.py failed$' PLAIN=silent
expect 1 '^bench: no such device$' OURS=fail
expect 1 'race: there is no nowhere' -- --peer nowhere
expect 1 'has no torch' TORCH=none
expect 2 '^Usage: ' -- --only cifar
expect 2 '^Usage: ' -- --runs 0
expect 2 '^Usage: ' -- --steps
expect 2 '^Usage: ' -- peer
expect 0 '^Usage: ' -- --help

echo "$checks checks, $failures failed"
[[ $failures == 0 ]]

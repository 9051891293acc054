#!/usr/bin/env bash
# A short run of autotune on one shape in which candidates fail in every way there is; then resuming, an interruption,
# and what the engine makes of it all.
# Usage: test_autotune.sh AUTOTUNE TINY.ini
set -euo pipefail
autotune=$1 config=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export IJEPA_TUNING=$folder/deep/tuning.txt

fail() {
    echo "FAILED: $*" >&2
    cat "$folder"/out* >&2
    exit 1
}
expect() { grep -qE -- "$1" "$folder/out" || fail "no \"$1\" in the output"; }
tune() { "$autotune" "$config" --kernels attention "$@" >"$folder/out" 2>&1; }

# Without a device there is nothing to tune; --show needs one as well.
if ! "$autotune" --show >"$folder/out" 2>&1 && grep -q 'no OpenCL device found' "$folder/out"; then
    echo "SKIPPED: there is no OpenCL device here"
    exit 77
fi

# Every fault costs its candidate alone.
IJEPA_AUTOTUNE_FAULTS="none crash wrong build hang" tune --candidates 5 --watchdog 25 --minutes 5 || fail "status $?"
expect '1 wrong, 1 failed, 1 crashed, 1 hung'
expect '^attention +8 .* 5 +15 +4 .*GFLOP/s'
grep -qE '^attention 8: TM=[0-9]+ KB=[0-9]+  # [0-9.]+ GFLOP/s' "$IJEPA_TUNING" || fail "nothing was kept"
for word in ran crashed wrong failed hung; do
    grep -q ": $word" "$IJEPA_TUNING.tried" || fail "\"$word\" is not remembered"
done

# What was tried is not tried again: the one candidate of this run is a new one.
tune --resume --candidates 1 --minutes 5 || fail "status $?"
expect '^attention +8 .* 6 +14 +4 '
[[ $(wc -l <"$IJEPA_TUNING.tried") == 6 ]] || fail "a candidate was tried twice"

# An interruption loses nothing. The first candidate runs, the second one hangs.
rm -r "$folder/deep"
IJEPA_AUTOTUNE_FAULTS="none hang" "$autotune" "$config" --kernels attention --minutes 5 --watchdog 60 \
    >"$folder/out" 2>&1 &
process=$!
for ((i = 0; i < 600; i++)); do
    grep -qs ran "$IJEPA_TUNING.tried" && break
    sleep 0.2
done
kill -INT $process
status=0
wait $process || status=$?
[[ $status == 130 ]] || fail "interrupted, the status is $status"
expect 'interrupted: --resume goes on'
grep -q '^attention 8: ' "$IJEPA_TUNING" || fail "the interruption lost what was found"

"$autotune" --show >"$folder/out" 2>&1 || fail "--show: status $?"
expect '^attention 8: '
expect ' 1 line of it holds'

# What all kernels of a CPU share, and the GPU family's passes over rows: the engine takes what was found.
rm -r "$folder/deep"
"$autotune" "$config" --kernels device --candidates 2 --minutes 5 >"$folder/out" 2>&1 || fail "device: status $?"
expect '^device .* 2 +[0-9]+ +0 .*GFLOP/s'
IJEPA_FAMILY=gpu "$autotune" "$config" --kernels rows --candidates 2 --minutes 5 >"$folder/out" 2>&1 ||
    fail "rows: status $?"
expect '^rows .* 2 +[0-9]+ +0 .*GB/s'
grep -qE '^rows: WGS=[0-9]+ LANES=[0-9]+ COLS=[0-9]+  # [0-9.]+ GB/s' "$IJEPA_TUNING" || fail "no rows were kept"
IJEPA_FAMILY=gpu "$autotune" --show >"$folder/out" 2>&1 || fail "--show: status $?"
expect ' 1 line of it holds'

# Wrong usage.
for arguments in "" "--minutes x $config" "$config $config" "--unknown" "$config --watchdog 0"; do
    status=0
    # shellcheck disable=SC2086
    "$autotune" $arguments >"$folder/out" 2>&1 || status=$?
    [[ $status == 2 ]] || fail "\"$arguments\": status $status"
done
status=0
tune --kernels nothing || status=$?
[[ $status == 1 ]] || fail "--kernels nothing: status $status"
expect 'has parameters that --kernels names'
echo "autotune: all good"

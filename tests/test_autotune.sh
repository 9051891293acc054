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

# counts KERNELS: "tried left failed" of its line in the table. How many candidates there are hangs on the processor.
counts() {
    awk -v name="$1" '$1 == name { for (i = 2; $i !~ /%$/; i++); print $(i + 1), $(i + 2), $(i + 3); exit }' "$folder/out"
}
# different: no candidate is remembered twice. What a line ends with is what became of it.
different() { [[ -z $(sed 's/: [a-z].*//' "$IJEPA_TUNING.tried" | sort | uniq -d) ]] || fail "a candidate was tried twice"; }

# Without a device there is nothing to tune; --show needs one as well.
if ! "$autotune" --show >"$folder/out" 2>&1 && grep -q 'no OpenCL device found' "$folder/out"; then
    echo "SKIPPED: there is no OpenCL device here"
    exit 77
fi

# Every fault costs its candidate alone.
IJEPA_AUTOTUNE_FAULTS="none crash wrong build hang" tune --candidates 5 --watchdog 25 --minutes 5 || fail "status $?"
expect '1 wrong, 1 failed, 1 crashed, 1 hung'
expect '^attention +8 .*GFLOP/s'
read -r tried left failed <<<"$(counts attention)"
[[ $tried == 5 && $failed == 4 ]] || fail "$tried tried and $failed failed, expected 5 and 4"
[[ $left -ge 1 ]] || fail "nothing is left for --resume: this test needs six candidates"
total=$((tried + left))
grep -qE '^attention 8: panel TM=[0-9]+ KB=[0-9]+  # [0-9.]+ GFLOP/s' "$IJEPA_TUNING" || fail "nothing was kept"
for word in ran crashed wrong failed hung; do
    grep -q ": $word" "$IJEPA_TUNING.tried" || fail "\"$word\" is not remembered"
done

# What was tried is not tried again: the one candidate of this run is a new one.
tune --resume --candidates 1 --minutes 5 || fail "status $?"
[[ $(counts attention) == "6 $((total - 6)) 4" ]] || fail "after 6 of $total candidates: $(counts attention)"
[[ $(wc -l <"$IJEPA_TUNING.tried") == 6 ]] || fail "not six candidates are remembered"
different

# Nor when all others are: then nothing is left, and one run more tries nothing.
tune --resume --minutes 5 || fail "status $?"
[[ $(counts attention) == "$total 0 4" ]] || fail "after all of $total candidates: $(counts attention)"
different
before=$(cat "$IJEPA_TUNING.tried")
tune --resume --minutes 5 || fail "status $?"
expect '^0 candidates'
[[ $(cat "$IJEPA_TUNING.tried") == "$before" ]] || fail "a candidate was tried once more"

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

# What kernels have in common, and passes over rows by groups: the engine takes what was found.
rm -r "$folder/deep"
"$autotune" "$config" --kernels device --candidates 2 --minutes 5 >"$folder/out" 2>&1 || fail "device: status $?"
expect '^device .* 2 +[0-9]+ +0 .*GFLOP/s'
IJEPA_IMPL=group "$autotune" "$config" --kernels rows --candidates 2 --minutes 5 >"$folder/out" 2>&1 ||
    fail "rows: status $?"
expect '^rows .* 2 +[0-9]+ +0 .*GB/s'
grep -qE '^rows: (item|group WGS=[0-9]+ LANES=[0-9]+ COLS=[0-9]+)  # [0-9.]+ GB/s' "$IJEPA_TUNING" || fail "no rows were kept"
IJEPA_IMPL=group "$autotune" --show >"$folder/out" 2>&1 || fail "--show: status $?"
expect ' 1 line of it holds'

# Every product of a step is tried with the tail that the step gives it; a trial that runs another one fails.
rm -r "$folder/deep"
"$autotune" "$config" --kernels gemm,gradient,attention_backward --candidates 1 --no-clblast --minutes 5 \
    >"$folder/out" 2>&1 || fail "products: status $?"
expect '^[0-9]+ candidates: [0-9]+ timed, 0 wrong, 0 failed, 0 crashed, 0 hung$'
jobs=$(grep -cE '^(gemm|gradient|attention_backward) ' "$folder/out")
[[ $jobs -ge 10 ]] || fail "only $jobs kernels and shapes"
expect "^$jobs candidates: $jobs timed"
IJEPA_AUTOTUNE_FAULTS="stray stray stray stray stray stray stray stray" "$autotune" "$config" --kernels gemm \
    --candidates 1 --no-clblast --minutes 5 >"$folder/out" 2>&1 || fail "stray: status $?"
expect 'the trial launched gemm.*, which is not the step.s operation'

# Every implementation that can compute a shape is tried, what each begins with first: the better one is kept.
rm -r "$folder/deep"
IJEPA_IMPL=product=tile "$autotune" "$config" --kernels gradient --candidates 2 --minutes 5 >"$folder/out" 2>&1 ||
    fail "two implementations: status $?"
shapes=$(grep -cE '^gradient ' "$folder/out")
for name in tile clblast; do
    tried=$(grep -cE "^[0-9a-f]+ gradient [0-9]+ [0-9]+ $name( .*)?: ran" "$IJEPA_TUNING.tried" || true)
    [[ $tried == "$shapes" ]] || fail "$name ran for $tried of $shapes gradients"
done
[[ $(grep -cE '^gradient [0-9]+ [0-9]+: (tile WGM=|clblast  #)' "$IJEPA_TUNING") == "$shapes" ]] ||
    fail "not every gradient was kept"
IJEPA_IMPL=product=tile "$autotune" --show >"$folder/out" 2>&1 || fail "--show: status $?"
expect " $shapes lines of it hold"

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

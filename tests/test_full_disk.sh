#!/usr/bin/env bash
# Every system call that writes a checkpoint fails once, in turn: the run goes on and says so, no file under a good name
# is lost or half, and the next checkpoint is written. Then a disk that is really full (a small tmpfs, where one may be
# mounted), a folder that becomes read-only, and SIGTERM.
#   test_full_disk.sh IJEPA PRESETS FAIL_CALLS.so
# shellcheck source=tests/drive_ijepa.sh
. "$(dirname "$0")/drive_ijepa.sh"
library=$3

if ! "$ijepa" devices >"$work/out" 2>&1 && grep -q 'no OpenCL device found' "$work/out"; then
    echo "SKIPPED: there is no OpenCL device here"
    exit 77
fi

run=$work/run
# Twelve steps, three of which were taken before; a checkpoint at the end of each epoch and of the run.
train=(train "${tiny[@]}" --resume --set optimization.epochs=4 --set logging.keep_last=2)
expect 0 'done: 3 of 3' "${train[@]}" --set optimization.max_steps=3
mv "$run" "$work/before"
again() {
    rm -rf "$run"
    cp -a "$work/before" "$run"
}

# Every checkpoint of the folder is whole, by its own checksum, and there is at least one.
sound() {
    local file found=0
    checks=$((checks + 1))
    for file in "$run"/jepa-step*.safetensors "$run"/jepa-latest.safetensors; do
        [ -e "$file" ] || continue
        found=$((found + 1))
        "$ijepa" inspect "$file" >"$work/inspected" 2>&1 || fail "$1: $file" "$(cat "$work/inspected")"
    done
    [ $found -gt 0 ] || fail "$1" "no checkpoint is left" "$(ls -la "$run")"
    # What unlink refuses to remove is left; nothing else may be.
    [ "$2" = unlink ] || [ "$(find "$run" -name '*.tmp' | wc -l)" -eq 0 ] || fail "$1" "$(ls -la "$run")"
}

# ---- How many calls there are: on the checkpoints, and the folder's flushes
again
export FAIL_COUNT=$work/count
runner=(env "LD_PRELOAD=$library")
FAIL_NAME=.safetensors expect 0 'done: 12 of 12 steps, 9 of them now' "${train[@]}"
calls=()
for call in open write pwrite fsync rename close symlink unlink; do
    calls+=(".safetensors $call $(grep -cx "$call" "$work/count")")
done
again
rm "$work/count"
FAIL_NAME=$run expect 0 'done: 12 of 12' "${train[@]}"
calls+=("$run fsync $(grep -cx fsync "$work/count")")
runner=()
unset FAIL_COUNT

# ---- Each of them fails; of many writes every sixteenth.
tried=0
for entry in "${calls[@]}"; do
    read -r name call total <<<"$entry"
    echo "$total calls of $call"
    [ "$total" -gt 0 ] || { fail "no $call was seen: the test would not test it"; continue; }
    step=1
    [ "$total" -le 24 ] || step=$((total / 16))
    hows=(EIO)
    [ "$call" != write ] || hows=(ENOSPC short)
    for how in "${hows[@]}"; do
        for ((n = 1; n <= total; n += step)); do
            again
            tried=$((tried + 1))
            FAIL_NAME=$name FAIL_CALL="$call $n $how" LD_PRELOAD=$library "$ijepa" "${train[@]}" >"$work/out" 2>"$work/err"
            status=$?
            what="$call number $n fails ($how)"
            sound "$what" "$call"
            # The end of the run is not lost in silence: either it was written, or the run ends with status 1.
            if [ $status -eq 0 ]; then
                grep -q 'done: 12 of 12' "$work/out" || fail "$what" "$(cat "$work/out")"
                [ -e "$run/jepa-step00000012.safetensors" ] || fail "$what" "the last checkpoint is missing"
            elif [ $status -ne 1 ] || ! grep -q '^ijepa: ' "$work/err"; then
                fail "$what" "exit status $status" "$(cat "$work/err")"
            fi
            # What a removal of a temporary name meets is nobody's loss; all else is said.
            if [ "$call" != unlink ] && ! grep -q "ijepa: .*$run" "$work/err"; then
                fail "$what" "nothing was said" "$(cat "$work/err")"
            fi
            # Whatever happened, the run goes on from there to the same end.
            "$ijepa" "${train[@]}" >"$work/out" 2>&1 || fail "$what, going on" "$(cat "$work/out")"
            [ -e "$run/jepa-step00000012.safetensors" ] || fail "$what, going on" "the last checkpoint is missing"
        done
    done
done
echo "$tried failing calls"

# ---- A folder that becomes read-only, as when a disk is remounted after an error. Root may write all the same.
again
if [ "$(id -u)" -eq 0 ]; then
    echo "a read-only folder: root may write there; open fails with EROFS in its place"
    FAIL_NAME=.safetensors FAIL_CALL="open 2 EROFS" LD_PRELOAD=$library "$ijepa" "${train[@]}" >"$work/out" 2>"$work/err"
    check "a read-only file system is said" "$(grep -c 'WARNING: .*Read-only file system; the run goes on' "$work/err")" 1
    sound "a read-only file system" open
fi

# ---- A disk that is full in earnest: room for one checkpoint and a half
mkdir "$work/small"
if [ "$(id -u)" -eq 0 ] && mount -t tmpfs -o size=280k tmpfs "$work/small" 2>/dev/null; then
    trap 'umount "$work/small"; chmod -R u+rwx "$work"; rm -rf "$work"' EXIT
    run=$work/small/run
    "$ijepa" "${train[@]}" --set "logging.folder=$run" >"$work/out" 2>"$work/err"
    check "a full disk is said" "$(grep -c 'WARNING: .*No space left on device.*; the run goes on' "$work/err" | sed 's/[1-9].*/some/')" some
    sound "a full disk" write
    expect 1 'No space left' "${train[@]}" --set "logging.folder=$run" --resume
    sound "a full disk, going on" write
    mount -o remount,size=2m "$work/small"
    expect 0 'resume: from' "${train[@]}" --set "logging.folder=$run" --resume
    sound "room again" write
else
    echo "SKIPPED: a full disk: no tmpfs can be mounted here"
fi

# ---- SIGTERM: a last checkpoint within a scheduler's ten seconds; the same where several signals come at once
for signals in TERM 'TERM TERM' 'HUP HUP TERM'; do
    rm -rf "$work/term"
    run=$work/term
    "$ijepa" "${train[@]}" --set "logging.folder=$run" --set optimization.epochs=1000000 --set logging.checkpoint_freq=0 \
        >"$work/out" 2>"$work/err" &
    process=$!
    for _ in $(seq 600); do
        [ -e "$run/jepa_r0.csv" ] && [ "$(wc -l <"$run/jepa_r0.csv")" -gt 2 ] && break
        sleep 0.1
    done
    for signal in $signals; do
        kill -"$signal" $process
    done
    for _ in $(seq 100); do
        kill -0 $process 2>/dev/null || break
        sleep 0.1
    done
    check "the run has ended ten seconds after $signals" "$(kill -0 $process 2>/dev/null && echo running)" ""
    wait $process
    status=$?
    check "exit status after $signals" "$((status == 143 || status == 129))" 1
    sound "$signals" term
    check "after $signals the last checkpoint is of the last step" "$(readlink "$run/jepa-latest.safetensors")" \
        "$(printf 'jepa-step%08d.safetensors' $(($(wc -l <"$run/jepa_r0.csv") - 1)))"
done

# ---- Names that are too long for the disk show at the start
expect 1 'cannot write to the run folder' "${train[@]}" --set "logging.write_tag=$(printf 'x%.0s' $(seq 222))"

echo "$checks checks, $failures failed"
[ "$failures" -eq 0 ]

#!/usr/bin/env bash
# Event files as TensorBoard's own reader sees them, of a run that was cut short and resumed: no step is lost or shown
# twice. The reader is that of IJEPA_PYTHON, or python3.
#   test_tensorboard.sh IJEPA PRESETS
# shellcheck source=tests/drive_ijepa.sh
. "$(dirname "$0")/drive_ijepa.sh"
run=$work/run
if ! "$ijepa" devices >"$work/out" 2>&1 && grep -q 'no OpenCL device found' "$work/out"; then
    echo "SKIPPED: there is no OpenCL device here"
    exit 77
fi
tiny+=(--set logging.tensorboard=true --set logging.checkpoint_steps=2 --set logging.keep_last=9)

# Six steps; those after the fourth are lost, and taken again.
expect 0 'done: ' train "${tiny[@]}" --set optimization.epochs=4 --set optimization.max_steps=6
rm "$run/jepa-step00000006.safetensors"
expect 0 'done: 9 of 9' train "${tiny[@]}" --set optimization.epochs=4 --set optimization.max_steps=9 --resume
check "event files" "$(find "$run" -name 'events.out.tfevents.[0-9]*.jepa' | wc -l)" 2

# Another run, with [eval]: there are pictures of features where it looks, and of its images.
for i in 6 7 8 9 10 11; do cp "$images/one/0.jpg" "$images/one/$i.jpg"; cp "$images/one/0.jpg" "$images/two/$i.jpg"; done
expect 0 'TensorBoard gets pictures of the features of 12 images' train "${tiny[@]}" --set "logging.folder=$work/eval" \
    --set optimization.max_steps=18 --set "eval.root_path=$images" --set eval.every=2 --set optimization.epochs=4

# judge FOLDER STEPS EVERY: the events of a run whose features are drawn at every so many epochs' ends.
judge() {
    "${IJEPA_PYTHON:-python3}" "$(dirname "$0")/judge_events.py" "$1" "$2" "$1/jepa_r0.csv" "$3" >"$work/judged" 2>"$work/err"
    judged=$?
    [ $judged -eq 77 ] && return
    checks=$((checks + 1))
    [ $judged -eq 0 ] || fail "TensorBoard's reader" "$(cat "$work/judged" "$work/err")"
}
judge "$work/eval" 18 2
judge "$run" 9 1

# A run anew keeps them where TensorBoard does not look; without the key there are none.
expect 0 'renamed, with ~ added' train "${tiny[@]}" --set optimization.max_steps=1
check "event files of a run anew" "$(find "$run" -name 'events.out.tfevents.[0-9]*.jepa' | wc -l)" 1
check "event files of the run before" "$(find "$run" -name 'jepa-events-[0-9]*~' | wc -l)" 2
expect 0 'done: ' train "${tiny[@]}" --set logging.tensorboard=false --set optimization.max_steps=1
check "event files that were not asked for" "$(find "$run" -name '*tfevents*' | wc -l)" 0

echo "$checks checks, $failures failed"
[ "$failures" -eq 0 ] || exit 1
if [ $judged -eq 77 ]; then
    cat "$work/judged"
    exit 77
fi

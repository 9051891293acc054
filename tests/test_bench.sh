#!/usr/bin/env bash
# What bench prints, on the twelve small images: the loader's stages, and (with an OpenCL device) the device's waits.
#   test_bench.sh BENCH PRESETS
# shellcheck source=tests/drive_ijepa.sh
. "$(dirname "$0")/drive_ijepa.sh"
bench=$1

# last PATTERN: what was printed last is a line of that kind.
last() {
    checks=$((checks + 1))
    tail -1 "$work/out" | grep -q "$1" || fail "the last line" "\"$1\" is not in:" "$(cat "$work/out")"
}

# row STAGE: its microseconds an image, of the table in $work/out.
row() { awk -v stage="$1" '$1 == stage { print $2 }' "$work/out"; }

# ---- Stages
expect 0 '^stage .*images/s a thread$' loader "${tiny[@]}" --steps 20
last '^images_per_second [0-9.]*$'
plain=$(row augment)
check "the stages" "$(awk '/%/ { print $1 }' "$work/out" | xargs)" 'read decode resize augment all'
expect 0 '^augment ' loader "${tiny[@]}" --steps 20 --set data.use_color_distortion=true \
    --set data.color_jitter_strength=1 --set data.use_gaussian_blur=true
check "colours and blur are counted as augment" \
    "$(awk -v us="$(row augment)" -v plain="$plain" 'BEGIN { print (us > plain) }')" 1

# ---- Waits
if ! "$bench" peak >"$work/out" 2>&1 && grep -q 'no OpenCL device found' "$work/out"; then
    [ "$failures" -eq 0 ] || exit 1
    echo "SKIPPED: bench step: there is no OpenCL device here"
    exit 77
fi
trace=$work/trace.json
expect 0 '^device idle between steps [0-9.]* ms a step, [0-9.]* % of the time; of that for want of images ' step \
    "${tiny[@]}" --data --steps 3 --profile "$trace"
last '^images_per_second .* step_ms '
check "the waits in the trace" "$(grep -c '"waited_for_images_percent":"[0-9.]*"' "$trace")" 1
expect 0 '^images_per_second ' step "${tiny[@]}" --steps 3
check "the checkpoint's copy in the trace" "$(grep -c '"copy state"' "$trace" | sed 's/[1-9].*/some/')" some
check "waits for images that are made up" "$(grep -c 'want of images' "$work/out")" 0

# ---- Embedding
expect 0 '^device_mib .* batch 3 images_per_second .* feature_norm .* step_ms ' embed \
    "$(dirname "$0")/model_files/own.safetensors" --batch 3 --steps 2
check 'no model' "$("$bench" embed "$presets/tiny.ini" 2>&1 | grep -c '^ijepa-bench: .*neither a safetensors file'; echo "${PIPESTATUS[0]}")" $'1\n1'
check 'no name' "$("$bench" embed 2>&1; echo $?)" $'ijepa-bench: which model?\n2'
check 'no steps' "$("$bench" embed --steps 0 2>&1 | grep -c 'embed takes MODEL'; echo "${PIPESTATUS[0]}")" $'1\n2'

echo "$checks checks, $failures failed"
[ "$failures" -eq 0 ]

#!/usr/bin/env bash
# A device that is lost, or out of memory, in the middle of a run: a message with the driver's code, exit status 1, and a
# run that goes on from its last checkpoint as if nothing had happened.
#   test_lost_device.sh IJEPA PRESETS FAIL_OPENCL.so
# shellcheck source=tests/drive_ijepa.sh
. "$(dirname "$0")/drive_ijepa.sh"
library=$3

if ! "$ijepa" devices >"$work/out" 2>&1 && grep -q 'no OpenCL device found' "$work/out"; then
    echo "SKIPPED: there is no OpenCL device here"
    exit 77
fi

tensors() {
    local length
    length=$(od -An -tu8 -N8 "$1" | tr -d ' ')
    tail -c +$((length + 9)) "$1" | cksum
}

train=(train "${tiny[@]}" --set optimization.epochs=4 --set logging.keep_last=2)
expect 0 'done: 12 of 12' "${train[@]}"
mv "$work/run" "$work/whole"

# A step of this model is some 130 kernels: in the first step, in the first epoch, after a checkpoint, near the end. A
# driver's own codes are numbers (NVIDIA's -9999).
lost=0 resumed=0
for failure in "60 -36 CL_INVALID_COMMAND_QUEUE" "200 -5 CL_OUT_OF_RESOURCES" "700 -2 CL_DEVICE_NOT_AVAILABLE" \
    "900 -4 CL_MEM_OBJECT_ALLOCATION_FAILURE" "1300 -9999 -9999"; do
    read -r after code name <<<"$failure"
    rm -rf "$work/run"
    runner=(env "LD_PRELOAD=$library" "FAIL_OPENCL=$after $code")
    expect 1 "$name" "${train[@]}"
    runner=()
    lost=$((lost + 1))
    for file in "$work"/run/jepa-step*.safetensors; do
        [ -e "$file" ] || continue
        resumed=$((resumed + 1))
        expect 0 . inspect "$file"
    done
    check "nothing half written is left after $failure" "$(find "$work/run" -name '*.tmp' | wc -l)" 0
    expect 0 'done: 12 of 12' "${train[@]}" --resume
    check "the weights after $failure" "$(tensors "$work/run/jepa-latest.safetensors")" \
        "$(tensors "$work/whole/jepa-latest.safetensors")"
done
[ $resumed -gt 2 ] || fail "checkpoints were written before the device was lost" "$resumed"

echo "$lost losses, $resumed checkpoints before them; $checks checks, $failures failed"
[ "$failures" -eq 0 ]

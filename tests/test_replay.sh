#!/usr/bin/env bash
# Replays all golden training steps of a folder; skipped, and not silently, where there are none or there is no device.
#   test_replay.sh REPLAY FOLDER [OPTION OF REPLAY]...
set -u
replay=$1
folder=$2
shift 2
shopt -s nullglob
files=("$folder"/*.safetensors)
if [ ${#files[@]} -eq 0 ]; then
    echo "SKIPPED: there are no golden training steps (*.safetensors) in $folder: nothing says whether this build's"
    echo "numbers are right. cmake -DIJEPA_GOLDEN=FOLDER names the folder that has them."
    exit 77
fi
output=$(mktemp)
trap 'rm -f "$output"' EXIT
"$replay" "$@" "${files[@]}" 2>&1 | tee "$output"
status=${PIPESTATUS[0]}
if [ "$status" -eq 1 ] && grep -q '^replay: no OpenCL device found' "$output"; then
    echo "SKIPPED: there is no OpenCL device here"
    exit 77
fi
exit "$status"

#!/usr/bin/env bash
# Replays the golden training steps of the repository, and those of another folder where there is one; skipped, and not
# silently, where there is no device.
#   test_replay.sh REPLAY FOLDER MORE [OPTION OF REPLAY]...
set -u
replay=$1 folder=$2 more=$3
shift 3
shopt -s nullglob
files=("$folder"/*.safetensors)
if [ ${#files[@]} -eq 0 ]; then
    echo "FAILED: there are no golden training steps (*.safetensors) in $folder"
    exit 1
fi
for file in "$more"/*.safetensors; do
    cmp -s "$file" "$folder/${file##*/}" || files+=("$file") # the same file once
done
output=$(mktemp)
trap 'rm -f "$output"' EXIT
"$replay" "$@" "${files[@]}" 2>&1 | tee "$output"
status=${PIPESTATUS[0]}
if [ "$status" -eq 1 ] && grep -q '^replay: no OpenCL device found' "$output"; then
    echo "SKIPPED: there is no OpenCL device here"
    exit 77
fi
exit "$status"

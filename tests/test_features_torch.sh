#!/usr/bin/env bash
# `ijepa embed` against transformers' IJepaModel on the same random weights and pixels: the last layer, the last four,
# quadrants, another size with interpolated positions.
#   test_features_torch.sh IJEPA PRESETS
# IJEPA_PYTHON names a Python that has torch and transformers; otherwise python3 is tried. Skipped (77) without.
# shellcheck source=tests/drive_ijepa.sh
. "$(dirname "$0")/drive_ijepa.sh"
judge=$(cd "$(dirname "$0")" && pwd)/judge_features.py
export HF_HUB_OFFLINE=1 TRANSFORMERS_VERBOSITY=error

python=
for candidate in ${IJEPA_PYTHON:+"$IJEPA_PYTHON"} python3 /usr/bin/python3; do
    "$candidate" -c 'from transformers import IJepaModel' 2>/dev/null && python=$candidate && break
done
if [ -z "$python" ]; then
    echo "SKIPPED: no python3 here has transformers with its IJepaModel (PyPI; or set IJEPA_PYTHON)"
    exit 77
fi
if ! "$ijepa" devices >/dev/null 2>&1; then
    echo 'SKIPPED: there is no OpenCL device to embed images with'
    exit 77
fi
cd "$work" || exit 1
"$python" "$judge" make . || fail 'a model of random weights' 'see above'
expect 0 'written' embed model small.txt --out last.npy --resize none --pool none
expect 0 'written' embed model small.txt --out four.npy --resize none --pool none --layers 4 --batch 2
expect 0 'written' embed model small.txt --out quadrants.npy --resize none --pool 2x2 --layers 4
expect 0 'written' embed model large.txt --out large.npy --resize none --crop 80 --positions interpolate
"$python" "$judge" check . || fail "transformers' judgement" 'see above'

echo "$checks checks, $failures failed"
[ "$failures" -eq 0 ]

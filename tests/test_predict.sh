#!/usr/bin/env bash
# `ijepa predict` on a checkpoint, and on what it cannot work with.
#   test_predict.sh IJEPA PRESETS
# shellcheck source=tests/drive_ijepa.sh
. "$(dirname "$0")/drive_ijepa.sh"
out=$work/out.png image=$images/one/0.jpg

# ---- Usage, and files that are no model: no device is needed
expect 0 'Usage: ijepa predict' predict --help
expect 2 'which model' predict --out "$out"
expect 2 'which image' predict a --out "$out"
expect 2 'where to' predict a b
expect 2 'not also c' predict a b c --out "$out"
expect 2 'unknown option --fast' predict a b --out "$out" --fast
expect 2 'number from 1' predict a b --out "$out" --limit 0
expect 2 'number from 0' predict a b --out "$out" --seed x
echo 'a text' >"$work/text"
expect 1 "$work/text" predict "$work/text" "$image" --out "$out"
expect 1 'cannot open' predict "$work/nothing" "$image" --out "$out"

if ! "$ijepa" devices >"$work/out" 2>&1 && grep -q 'no OpenCL device found' "$work/out"; then
    echo "SKIPPED: there is no OpenCL device here"
    exit 77
fi
expect 0 'done: ' train "${tiny[@]}"
model=$work/run/jepa-latest.safetensors
if "$ijepa" predict "$model" "$image" --out "$out" 2>&1 | grep -q 'without libpng'; then
    echo "SKIPPED: this program was built without libpng"
    exit 77
fi
expect 0 "picture: $out" predict "$model" "$image" --out "$out"
check "blocks" "$(grep -c '^block [1-4]: rows [1-6] to [1-6], columns [1-6] to [1-6]: cosine -\?[01]\.[0-9]* ' "$work/out")" 4
check "chance" "$(grep -c '^For comparison' "$work/out")" 1
checks=$((checks + 1))
[ "$(head -c 4 "$out" | tail -c 3)" = PNG ] || fail "the picture" "is no PNG"
first=$(cksum <"$out")
expect 0 picture: predict "$model" "$image" --out "$out"
check "the same again" "$(cksum <"$out")" "$first"
expect 0 picture: predict "$model" "$image" --out "$out" --seed 7
checks=$((checks + 1))
[ "$(cksum <"$out")" != "$first" ] || fail "another seed" "gives the same picture"

# The gallery holds copies of the image itself: stand-ins are at least as near as the true patches.
expect 0 'with the patches of the gallery' predict "$model" "$image" --out "$out" --gallery "$images" --limit 3
check "nearest patches" "$(sed -n 's/.*cosine \([-0-9.]*\) .*gallery \([-0-9.]*\)$/\1 \2/p' "$work/out" |
    awk '$2 < $1 - 0.0005 { print "not the nearest" }')" ""

# A model of scattered masks gets such masks.
expect 0 'done: ' train "${tiny[@]}" --set "logging.folder=$work/scatter" --set mask.sampler=scatter \
    --set mask.target_patches=15 --set mask.num_pred_masks=3
expect 0 picture: predict "$work/scatter/jepa-latest.safetensors" "$image" --out "$out"
check "scattered targets" "$(grep -c '^target [1-3]: 5 patches in rows [1-6] to [1-6], columns [1-6] to [1-6]: cosine ' "$work/out")" 3

expect 0 'done: ' train "${tiny[@]}" --set "logging.folder=$work/joint" --set mask.joint=true
expect 0 picture: predict "$work/joint/jepa-latest.safetensors" "$image" --out "$out" --gallery "$images"
check "joint targets" "$(grep -c '^\(target\|block\) 1: ' "$work/out")$(grep -c '^\(target\|block\) 2: ' "$work/out")" 10

# ---- What it cannot work with
expect 1 'holds no predictor' predict "$(dirname "$0")/model_files/hf" "$image" --out "$out"
expect 1 "$work/text" predict "$model" "$work/text" --out "$out"
expect 1 'nothing' predict "$model" "$work/nothing" --out "$out"
expect 1 'nothing' predict "$model" "$image" --out "$out" --gallery "$work/nothing"
expect 1 'cannot write' predict "$model" "$image" --out "$work/nowhere/out.png"
expect 0 picture: predict "$(dirname "$0")/model_files/official.pth.tar" "$image" --out "$out" # no word of its masks

echo "$checks checks, $failures failed"
[ "$failures" -eq 0 ]

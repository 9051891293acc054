#!/usr/bin/env bash
# `ijepa import` and `ijepa inspect` on files of every kind, as a person would use them. Needs no OpenCL device.
#   test_model_commands.sh IJEPA PRESETS MODEL_FILES
# shellcheck source=tests/drive_ijepa.sh
. "$(dirname "$0")/drive_ijepa.sh"
models=$3
out=$work/out.safetensors

# ---- Help and usage
expect 0 'Usage: ijepa import' import --help
expect 0 'Usage: ijepa inspect' inspect --help
expect 0 'ijepa import' --help
expect 2 'which model' import
expect 2 'where to' import "$models/hf"
expect 2 'not also c' import a b c
expect 2 'unknown option --fast' import a b --fast
expect 2 'which model' inspect
expect 2 'not also b' inspect a b
expect 2 'unknown option --fast' inspect a --fast

# ---- Each kind becomes a file of ours with the same tensors; a file of ours stays what it is
tensors() { # all of inspect's JSON on tensors but their stored type
    "$ijepa" inspect --json "$1" 2>/dev/null | sed -n '/"tensors"/,$p' | grep -vE '"dtype"|"integrity"'
}
for name in official.pth.tar one_group.pth.tar views.pth.tar zip64.pth.tar hf hf_bf16 hf_sharded hf_classifier \
    own.safetensors unaligned.safetensors; do
    expect 0 "written: $out, [0-9]* tensors" import "$models/$name" "$out"
    check "tensors of $name" "$(tensors "$out")" "$(tensors "$models/$name")"
    checks=$((checks + 1))
    [ "$(tensors "$out" | grep -c '"name"')" -ge 29 ] || fail "tensors of $name" "too few of them"
    expect 0 'written' import "$out" "$work/again.safetensors"
    check "$name imported twice" "$(cmp "$out" "$work/again.safetensors" 2>&1)" ""
done
expect 0 'step: *2$' import "$models/official.pth.tar" "$out"
expect 0 "holds: *encoder, predictor, target encoder, optimiser's moments" inspect "$out"
expect 0 'epoch: *3$' inspect "$out"
expect 0 'no predictor' import "$models/hf" "$out"
expect 0 'heads 2,' inspect "$out"
expect 0 '"epoch":.null' inspect "$out" --json
expect 0 'target_encoder.pos_embed is not the sine-cosine one' import "$models/hf" "$out"
expect 0 'written' import "$models/own.safetensors" "$out"
expect 0 'seed: *18446744073709551615$' inspect "$out"
expect 0 '^  batch_size = 3 ; "quoted"$' inspect "$out"
expect 0 'step: *123456789012$' inspect "$out"
expect 0 'F16  ' inspect "$models/views.pth.tar"
"$ijepa" inspect "$models/official.pth.tar" >"$work/long" 2>/dev/null
check 'lines beyond 80 columns' "$(awk 'length > 80' "$work/long" | wc -l)" 0

# ---- Failures leave OUT as it was and nothing beside it
expect 0 written import "$models/own.safetensors" "$out"
cp "$out" "$work/before.safetensors"
before=$(ls -A "$work")
for name in command.pth.tar bomb.pth.tar expanded.pth.tar old_format.pth.tar other.pth.tar; do
    expect 1 "$name" import "$models/$name" "$out"
    expect 1 "$name" inspect "$models/$name"
done
expect 1 'cannot open' import "$work/nothing" "$out"
expect 1 'cannot open' inspect "$work/nothing"
expect 1 'cannot create' import "$models/hf" "$work/nowhere/out.safetensors"
(
    ulimit -f 20 # blocks of a kilobyte stand in for a full disk
    trap '' XFSZ
    "$ijepa" import "$models/official.pth.tar" "$out" >"$work/out" 2>"$work/err"
    echo $? >"$work/err.status"
)
check 'a full disk' "$(cat "$work/err.status") $(grep -c 'cannot write' "$work/err")" '1 1'
rm "$work/err.status"
check 'the file after failures' "$(cmp "$out" "$work/before.safetensors" 2>&1)" ""
check 'files after failures' "$(ls -A "$work")" "$before"
check 'a command in a pickle' "$(find . -maxdepth 1 -name ijepa-was-here)" ""

# ---- Damage that has a place
cp "$models/own.safetensors" "$work/nan.safetensors"
size=$(stat -c %s "$work/nan.safetensors")
printf '\0\0\300\177' | dd of="$work/nan.safetensors" bs=1 seek=$((size - 4)) conv=notrunc 2>/dev/null
expect 0 ' 1 of them NaN' inspect "$work/nan.safetensors"
expect 0 '"nan":.1,\?$' inspect "$work/nan.safetensors" --json
expect 0 ' 0 of them NaN' inspect "$models/own.safetensors"
head -c $((size - 1)) "$models/own.safetensors" >"$work/cut.safetensors"
expect 1 'cut short' inspect "$work/cut.safetensors"
head -c 100000 "$models/official.pth.tar" >"$work/cut.pth.tar"
expect 1 'cut short' inspect "$work/cut.pth.tar"

echo "$checks checks, $failures failed"
[ "$failures" -eq 0 ]

#!/usr/bin/env bash
# `ijepa export` as a person would drive it, on a small model of random numbers, its results judged by other programs.
#   test_export.sh IJEPA PRESETS plain           by Python's standard library; needs no device
#   test_export.sh IJEPA PRESETS torch ORACLE    by PyTorch and, where it is there, transformers
# IJEPA_PYTHON names a Python to judge with; otherwise python3 and /usr/bin/python3 are tried. Without one that can, the
# test is skipped (77).
# shellcheck source=tests/drive_ijepa.sh
. "$(dirname "$0")/drive_ijepa.sh"
here=$(cd "$(dirname "$0")" && pwd)
judge=$3
oracle=${4:-}
export HF_HUB_OFFLINE=1 TRANSFORMERS_VERBOSITY=error

python=
[ "$judge" = torch ] && needed='import torch' || needed='import json, zipfile, pickletools'
for candidate in ${IJEPA_PYTHON:+"$IJEPA_PYTHON"} python3 /usr/bin/python3; do
    "$candidate" -c "$needed" 2>/dev/null && python=$candidate && break
done
if [ -z "$python" ]; then
    echo "SKIPPED: no python3 here can \"$needed\" (Debian: python3-torch; or set IJEPA_PYTHON)"
    exit 77
fi

cat >"$work/run.ini" <<INI
[data]
root_path = /nowhere
batch_size = 4
crop_size = 16
[mask]
patch_size = 4
min_keep = 1
pred_mask_scale = 0.3, 0.4
[meta]
model_name = custom
width = 32
depth = 2
heads = 2
pred_emb_dim = 16
pred_depth = 1
[optimization]
lr = 0.001
weight_decay = 0.05
[logging]
folder = run
write_tag = jepa
INI
make=("$python" "$here/make_model_file.py")
"${make[@]}" "$work/model.safetensors" --config "$work/run.ini" || exit 1
"${make[@]}" "$work/weights-only.safetensors" --config "$work/run.ini" --without optimizer. || exit 1
"${make[@]}" "$work/target.safetensors" --without optimizer. --without encoder. \
    --without target_encoder.pos_embed || exit 1
cd "$work" || exit 1

expect 0 'written: official.pth.tar' export model.safetensors official.pth.tar --format official
check "notes of an export with everything" "$(cat err)" ''
expect 0 "optimiser's moments" export official.pth.tar again.pth.tar --format official
expect 0 "optimiser's state is empty" export weights-only.safetensors nomoments.pth.tar --format official
expect 0 'it is a copy of the target encoder' export target.safetensors copied.pth.tar --format official
expect 0 "read it before you publish" export model.safetensors huggingface --format huggingface
mkdir context
expect 0 'written: context/' export model.safetensors context/ --format=huggingface --from context
expect 0 'written: f16' export model.safetensors f16 --format huggingface --dtype f16
expect 0 'written: bf16' export model.safetensors bf16 --format huggingface --dtype bf16
expect 0 '^encoder:   width 32, blocks 2, heads 2, MLP 128' \
    export model.safetensors weights.safetensors --format safetensors
expect 0 'written: ' export model.safetensors half.safetensors --format safetensors --from context --dtype f16
check "what was written" "$(ls)" "$(printf '%s\n' again.pth.tar bf16 context copied.pth.tar err f16 half.safetensors \
    huggingface images model.safetensors nomoments.pth.tar official.pth.tar out run.ini target.safetensors \
    weights-only.safetensors weights.safetensors | sort)"
checks=$((checks + 1))
if [ "$judge" = torch ]; then
    "$python" "$here/judge_export.py" torch . "$oracle" || fail "PyTorch's judgement" "see above"
    echo "$checks checks, $failures failed"
    [ "$failures" -eq 0 ]
    exit
fi
"$python" "$here/judge_export.py" plain . || fail "the standard library's judgement" "see above"

# The same input makes the same bytes.
cksum <official.pth.tar >first
expect 0 'written: ' export model.safetensors official.pth.tar --format official
check "a second official file" "$(cksum <official.pth.tar)" "$(cat first)"

# What is read back is what was written.
expect 0 'Hugging Face' export huggingface back.safetensors --format safetensors
"$python" "$here/judge_export.py" same model.safetensors back.safetensors target_encoder. ||
    fail "a way there and back" "see above"
expect 0 "the official code's checkpoint" export official.pth.tar again.safetensors --format safetensors
"$python" "$here/judge_export.py" same weights.safetensors again.safetensors ||
    fail "the official way there and back" "see above"

# Weights that a type cannot hold are refused, not made infinite.
"${make[@]}" large.safetensors --fill target_encoder.blocks.1.attn.qkv.bias=70000
expect 1 'key.bias\|query.bias holds 70000, which is too large for float16: take bf16' \
    export large.safetensors none --format huggingface --dtype f16
expect 0 'written: ' export large.safetensors large.bf16 --format huggingface --dtype bf16

# A position table that is missing is made.
expect 0 'written: ' export target.safetensors table.safetensors --format safetensors
"$python" "$here/judge_export.py" table table.safetensors target_encoder.pos_embed ||
    fail "a position table" "see above"

# What a file lacks.
"${make[@]}" encoder.safetensors --without optimizer. --without predictor. --without target_encoder.
expect 1 'holds no predictor' export encoder.safetensors none.pth.tar --format official
expect 1 'no target encoder' export encoder.safetensors none --format huggingface
expect 1 'does not hold what is to be exported' \
    export encoder.safetensors none.safetensors --format safetensors --from target
expect 0 'written: ' export encoder.safetensors one.safetensors --format safetensors

# Wrong usage, and failures that leave nothing behind.
expect 0 'Usage: ijepa export FILE OUT' export --help
expect 2 'which model' export
expect 2 'where to' export model.safetensors --format official
expect 2 'in which form' export model.safetensors out.pth.tar
expect 2 'must follow --format, not keras' export model.safetensors x --format keras
expect 2 'must follow --from, not both' export model.safetensors x --format huggingface --from both
expect 2 'must follow --dtype, not f8' export model.safetensors x --format huggingface --dtype f8
expect 2 'must follow --dtype, not nothing' export model.safetensors x --format huggingface --dtype
expect 2 'always f32' export model.safetensors x --format official --dtype bf16
expect 2 'has no meaning' export model.safetensors x --format official --from target
expect 2 'unknown option --fast' export model.safetensors x --format official --fast
expect 2 'not also' export model.safetensors x y --format official
expect 1 'No such file' export nothing.safetensors x --format official
expect 1 'run.ini' export run.ini x --format official
expect 1 'something in it' export model.safetensors huggingface --format huggingface
expect 1 'is a file' export model.safetensors run.ini --format huggingface
expect 1 'names no new folder' export model.safetensors . --format huggingface
expect 1 'cannot create' export model.safetensors no/folder --format huggingface
expect 1 'cannot create' export model.safetensors no/file.pth.tar --format official
expect 1 'cannot put the finished file in place' export model.safetensors images --format official
check "an older result after a failure" "$(cksum <official.pth.tar)" "$(cat first)"
# A full disk: a limit on the size of files stands for it. What was there stays, and nothing half.
runner=(bash -c 'ulimit -f 20; trap "" XFSZ; exec "$@"' bash)
expect 1 'cannot write' export model.safetensors official.pth.tar --format official
expect 1 'cannot write' export model.safetensors late --format huggingface
expect 1 'cannot write' export model.safetensors weights.safetensors --format safetensors
runner=()
check "an older result after a full disk" "$(cksum <official.pth.tar)" "$(cat first)"
check "what failures have left" "$(ls -d -- *.tmp none* x late no 2>/dev/null)" ''

echo "$checks checks, $failures failed"
[ "$failures" -eq 0 ]

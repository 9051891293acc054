#!/usr/bin/env bash
# Short runs of `ijepa train` from start to end; skipped where there is no OpenCL device.
#   test_frontend_runs.sh IJEPA PRESETS
# shellcheck source=tests/drive_ijepa.sh
. "$(dirname "$0")/drive_ijepa.sh"

if ! "$ijepa" devices >"$work/out" 2>&1 && grep -q 'no OpenCL device found' "$work/out"; then
    echo "SKIPPED: there is no OpenCL device here"
    exit 77
fi
expect 0 '^0: ' devices
expect 1 'nonesuch' train "${tiny[@]}" --device nonesuch
expect 1 'smaller micro_batch or batch_size, crop_size or model' train "${tiny[@]}" --set meta.width=16384 --set meta.depth=256 --set meta.heads=128 \
    --set meta.pred_emb_dim=16384

run=$work/a/b/run
expect 0 '^memory: batches of 4 images are computed 1 at a time$' train "${tiny[@]}" --set optimization.max_steps=1 \
    --set data.micro_batch=1
expect 1 'and may take 0.1 MiB' train "${tiny[@]}" --set optimization.max_steps=1 --set run.memory=100K
expect 0 '^host:   1 loading thread of .* MiB, paths up to ' train "${tiny[@]}" --set optimization.max_steps=1
expect 0 'checkpoint: ' train "${tiny[@]}" --set "logging.folder=$run" --set optimization.epochs=2
check "columns of the log" "$(head -1 "$run/jepa_r0.csv")" \
    'epoch,itr,loss,mask-A,mask-B,time (ms),lr,wd,ema,images_per_second,target_std,effective_rank,knn,ridge,loss_feature,loss_pixel,loss_variance,loss_covariance,loss_sigreg,clipped'
check "epochs and iterations of the log" "$(tail -n +2 "$run/jepa_r0.csv" | cut -d, -f1,2 | xargs)" \
    '1,0 1,1 1,2 2,0 2,1 2,2'
check "the checkpoint" "$(head -c 10 "$run/jepa-latest.safetensors" | tail -c 2)" '{"'
expect 0 '^epochs = 2' config "$run/jepa-config.ini"
for format in huggingface official safetensors; do
    expect 0 'written: ' export "$run/jepa-latest.safetensors" "$run/exported-$format" --format $format
done

# The same seed gives the same losses, and the earlier run's results are still there.
expect 0 'renamed, with ~ added' train "$run/jepa-config.ini"
check "a second run's losses" "$(cut -d, -f1-5,7-9,11-14 "$run/jepa_r0.csv")" "$(cut -d, -f1-5,7-9,11-14 "$run/jepa_r0.csv~")"
check "effective ranks, at the epochs' ends" "$(tail -n +2 "$run/jepa_r0.csv" | cut -d, -f12 | sed 's/..*/x/' | tr '\n' ,)" ',,x,,,x,'
check "no curve without [eval]" "$(tail -n +2 "$run/jepa_r0.csv" | cut -d, -f13,14 | sort -u)" ','

# With less memory the run is the same, resumed too: blocks that are computed again and moments in the host's memory leave
# every bit as it is.
tensors() {
    local length
    length=$(od -An -tu8 -N8 "$1" | tr -d ' ')
    tail -c +$((length + 9)) "$1" | cksum
}
less=(--set run.recompute=blocks --set run.offload=moments)
for kind in "" discrete; do
    rm -rf "$work/less"
    export IJEPA_MEMORY=$kind
    expect 0 "AdamW's moments are in the host's memory$" train "$run/jepa-config.ini" "${less[@]}" \
        --set "logging.folder=$work/less" --set optimization.max_steps=4
    expect 0 'done: 6 of 6' train "$run/jepa-config.ini" "${less[@]}" --set "logging.folder=$work/less" --resume
    check "weights and moments with less memory${kind:+, $kind}" "$(tensors "$work/less/jepa-latest.safetensors")" \
        "$(tensors "$run/jepa-latest.safetensors")"
    unset IJEPA_MEMORY
done

# A curve of what is learnt and pictures of it change neither what is trained nor the other columns.
for i in 6 7 8 9 10 11; do cp "$images/one/0.jpg" "$images/one/$i.jpg"; cp "$images/one/0.jpg" "$images/two/$i.jpg"; done
expect 0 'done' train "${tiny[@]}" --set optimization.epochs=4 --set "logging.folder=$work/plain"
expect 0 'eval:   .*: 22 images in 2 classes, half of them to learn from, every 2 epochs; 64 at a time take [0-9.]* MiB of the device$' train "${tiny[@]}" \
    --set optimization.epochs=4 --set "logging.folder=$work/watched" --set "eval.root_path=$images" --set eval.every=2 \
    --set eval.images=22 --set logging.tensorboard=true
check "epochs that are looked at" "$(grep -c '^epoch [24]: k-NN .* %, ridge .* %' "$work/out")" 2
check "losses beside a curve" "$(cut -d, -f1-5,7-9,11,12 "$work/watched/jepa_r0.csv")" "$(cut -d, -f1-5,7-9,11,12 "$work/plain/jepa_r0.csv")"
check "points of the curve" "$(cut -d, -f13 "$work/watched/jepa_r0.csv" | grep -c '[0-9]')" 2
tensors() { tail -c +$((9 + $(od -An -tu8 -N8 "$1" | tr -d ' '))) "$1" | cksum; }
check "weights beside a curve" "$(tensors "$work/watched/jepa-latest.safetensors")" "$(tensors "$work/plain/jepa-latest.safetensors")"
# While pixels alone are predicted there is no rank to tell of.
expect 0 'epoch 1: k-NN .* right$' train "${tiny[@]}" --set optimization.epochs=2 --set optimization.pixel_start=0.5 \
    --set "logging.folder=$work/pixels" --set "eval.root_path=$images" --set eval.images=22
check 'ranks that were told' "$(grep -c 'effective rank [0-9]' "$work/out") $(grep -c nan "$work/out")" '1 0'
expect 1 '\[eval\] root_path' train "${tiny[@]}" --set "eval.root_path=$work/nothing"
expect 1 'has no labels' train "${tiny[@]}" --set "eval.root_path=$images/one"
mkdir "$work/single" && cp -r "$images/one" "$work/single"
expect 1 'has one class' train "${tiny[@]}" --set "eval.root_path=$work/single"
for i in 6 7 8 9 10 11; do rm "$images/one/$i.jpg" "$images/two/$i.jpg"; done
check "a second run's weights" "$(cksum <"$run/jepa-latest.safetensors")" "$(cksum <"$run/jepa-latest.safetensors~")"
expect 0 'done: 2 of 2 steps' train "${tiny[@]}" --set optimization.max_steps=2 --set mask.truncate=none

# A target encoder that follows late is warned of, with what to do.
expect 0 "warning: with a momentum of 0.996 the target encoder remembers all of the run's 6 steps, .* makes it 1$" train "${tiny[@]}" \
    --set optimization.epochs=2
expect 0 'done: 6 of 6 steps' train "${tiny[@]}" --set optimization.epochs=2 --set optimization.ema_horizon=0.25 --set "logging.folder=$work/horizon"
check "a warning of the momentum" "$(grep -c 'remembers' "$work/out")" 0
check "a constant momentum" "$(tail -n +2 "$work/horizon/jepa_r0.csv" | cut -d, -f9 | sort -u | xargs)" 0.333333333

# Targets of two layers are others than those of one; what is looked at stays the last layer.
expect 0 'done: 1 of 1 steps' train "${tiny[@]}" --set optimization.max_steps=1 --set "logging.folder=$work/layer"
expect 0 'done: 1 of 1 steps' train "${tiny[@]}" --set optimization.max_steps=1 --set optimization.target_layers=2 --set "logging.folder=$work/layers"
check "the spread beside averaged targets" "$(cut -d, -f11 "$work/layers/jepa_r0.csv")" "$(cut -d, -f11 "$work/layer/jepa_r0.csv")"
[ "$(cut -d, -f3 "$work/layers/jepa_r0.csv")" != "$(cut -d, -f3 "$work/layer/jepa_r0.csv")" ] || fail "averaged targets change the loss"
expect 0 'cosine' predict "$work/layers/jepa-latest.safetensors" "$images/one/0.jpg" --out "$work/layers/predict"
checks=$((checks + 1))

# A gradient that is shortened, and one that never is: that run is the one without clipping, to the bit.
clipped() { tail -n +2 "$1/jepa_r0.csv" | cut -d, -f20 | sort -u | xargs; }
for limit in 0 1e6 1e-3; do
    expect 0 'done: 6 of 6 steps' train "${tiny[@]}" --set optimization.epochs=2 --set optimization.clip_grad=$limit --set "logging.folder=$work/clip-$limit"
done
check "no clipping" "$(clipped "$work/clip-0")" ''
check "clipping far above" "$(clipped "$work/clip-1e6")" 0
check "the weights of both" "$(tensors "$work/clip-1e6/jepa-latest.safetensors")" "$(tensors "$work/clip-0/jepa-latest.safetensors")"
check "clipping far below" "$(clipped "$work/clip-1e-3" | grep -c '^0\.9[0-9 .]*$')" 1

# A file of another kind says by its table alone what positions were multiplied by.
expect 0 'done: 6 of 6 steps' train "${tiny[@]}" --set optimization.epochs=2 --set meta.position_scale=0.5 --set "logging.folder=$work/scaled"
expect 0 'written' export "$work/scaled/jepa-latest.safetensors" "$work/scaled-hf" --format huggingface
expect 0 'done: 6 of 6 steps' train "${tiny[@]}" --set optimization.epochs=2 --set meta.position_scale=0.5 --init "$work/scaled-hf" --set "logging.folder=$work/scaled-2"
expect 1 'position_scale is 0.5 there, 1 here' train "${tiny[@]}" --init "$work/scaled-hf" --set "logging.folder=$work/scaled-3"

# Regularisers stand beside features, each in its column, and not beside pixels alone.
expect 0 'done: 6 of 6 steps' train "${tiny[@]}" --set optimization.epochs=2 --set optimization.pixel_start=0.5 \
    --set optimization.variance_weight=1 --set optimization.covariance_weight=0.1 --set optimization.sigreg_weight=0.1 \
    --set "logging.folder=$work/regularised"
columns() { tail -n +2 "$work/regularised/jepa_r0.csv" | cut -d, -f17-19 | "$@"; }
check "regularisers beside pixels alone" "$(columns head -n 3 | sort -u)" ',,'
check "regularisers beside features" "$(columns tail -n 3 | grep -c '^[0-9][0-9.e-]*,[0-9][0-9.e-]*,[0-9][0-9.e-]*$')" 3

# Scattered masks, and joint targets of either sampler: a run, its log's mask lengths, and a run that is cut and goes on.
masks=(--set mask.sampler=scatter --set mask.block_side=2 --set mask.target_patches=12 --set mask.context_patches=16)
lengths() { tail -n +2 "$1" | cut -d, -f4,5 | sort -u | xargs; }
numbers() { cut -d, -f1-5,7-9,11-14 "$1"; } # without times
expect 0 'done: 3 of 3 steps' train "${tiny[@]}" "${masks[@]}" --set "logging.folder=$work/sets"
check "mask lengths of four sets" "$(lengths "$work/sets/jepa_r0.csv")" '16,3'
for sampler in multiblock scatter; do
    joint=("${tiny[@]}" "${masks[@]}" --set mask.joint=true --set "mask.sampler=$sampler" \
        --set optimization.epochs=4)
    expect 0 'done: 12 of 12 steps' train "${joint[@]}" --set "logging.folder=$work/whole-$sampler"
    expect 0 'done: 7 of 7 steps' train "${joint[@]}" --set "logging.folder=$work/cut-$sampler" --set optimization.max_steps=7
    expect 0 'after 7 steps' train "${joint[@]}" --set "logging.folder=$work/cut-$sampler" --set data.num_workers=3 --resume
    check "losses of a run that goes on" \
        "$(numbers "$work/cut-$sampler/jepa_r0.csv")" "$(numbers "$work/whole-$sampler/jepa_r0.csv")"
    check "weights of a run that goes on" "$(tensors "$work/cut-$sampler/jepa-latest.safetensors")" \
        "$(tensors "$work/whole-$sampler/jepa-latest.safetensors")"
    expect 1 '\[mask\] joint = false (.*default), the run.s is true' train "${tiny[@]}" "${masks[@]}" \
        --set mask.sampler=$sampler --set optimization.epochs=4 --set "logging.folder=$work/cut-$sampler" --resume
done
check "mask lengths of joint scattered targets" "$(lengths "$work/whole-scatter/jepa_r0.csv")" '16,12'
checks=$((checks + 1))
[ "$(lengths "$work/whole-multiblock/jepa_r0.csv" | wc -w)" -gt 1 ] || fail "unions of blocks" "have one size in all batches"
expect 1 'no valid masks exist: target_patches 12 cannot be divided into num_pred_masks 5' train "${tiny[@]}" "${masks[@]}" \
    --set mask.num_pred_masks=5

# A few bad images are named and skipped, too many end the run.
echo "no image at all" >"$images/one/bad.jpg"
head -c 200 "$images/one/0.jpg" >"$images/two/cut.jpg"
expect 0 '2 unreadable images skipped' train "${tiny[@]}" --set data.max_bad_share=0.5 --set optimization.epochs=4
expect 0 "skipping the image $images/one/bad.jpg: " train "${tiny[@]}" --set data.max_bad_share=0.5 --set optimization.epochs=4
expect 1 'bad.jpg\|cut.jpg' train "${tiny[@]}" --set data.max_bad_share=0 --set optimization.epochs=4
rm "$images/one/bad.jpg" "$images/two/cut.jpg"

# A learning rate far too large ends in NaN, said clearly.
expect 1 'the loss became' train "${tiny[@]}" --set optimization.epochs=300 --set optimization.start_lr=1000 \
    --set optimization.lr=1000 --set optimization.loss=l2 --set logging.checkpoint_freq=0

# A signal ends the run after the step, with a checkpoint.
rm -rf "$work/run"
"$ijepa" train "${tiny[@]}" --set optimization.epochs=1000000 --set logging.checkpoint_freq=0 >"$work/out" 2>"$work/err" &
process=$!
for _ in $(seq 600); do
    [ "$(cat "$work/run/jepa_r0.csv" 2>/dev/null | wc -l)" -gt 2 ] && break
    sleep 0.1
done
kill -INT $process
wait $process
check "exit status after SIGINT" $? 130
check "the checkpoint after SIGINT" "$([ -s "$work/run/jepa-latest.safetensors" ] && echo there)" there

echo "$checks checks, $failures failed"
[ "$failures" -eq 0 ]

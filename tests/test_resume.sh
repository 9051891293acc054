#!/usr/bin/env bash
# A run that is killed at any instant goes on as if nothing had happened: its log and its weights end as those of a run
# that was never interrupted, byte for byte but for the log's columns of time. Then what must not go on, and says why.
#   test_resume.sh IJEPA PRESETS [KILLS [CONFIG.ini [OPTION OF ijepa train]...]]
# With a configuration of one's own (data.root_path among the options) this is the long test: 200 kills, real images.
# shellcheck source=tests/drive_ijepa.sh
. "$(dirname "$0")/drive_ijepa.sh"
kills=${3:-12}
if [ $# -gt 4 ]; then
    long=("${@:4}")
else
    long=("$presets/tiny.ini" --set "data.root_path=$images" --set optimization.epochs=$((100 * kills))
        --set optimization.pixel_start=0.4 --set optimization.pixel_weight=0.5) # what is trained changes on the way
fi

if ! "$ijepa" devices >"$work/out" 2>&1 && grep -q 'no OpenCL device found' "$work/out"; then
    echo "SKIPPED: there is no OpenCL device here"
    exit 77
fi

# The log without its times, and the tensors' bytes of a checkpoint.
losses() { cut -d, -f1-5,7-9,11-16 "$1"; }
tensors() {
    local length
    length=$(od -An -tu8 -N8 "$1" | tr -d ' ')
    tail -c +$((length + 9)) "$1" | cksum
}
lines() { if [ -e "$1" ]; then wc -l <"$1"; else echo 0; fi; }

# ---- Killed again and again
expect 0 'done: ' train "${long[@]}" --set "logging.folder=$work/whole" --set logging.keep_last=1
steps=$(($(lines "$work/whole/jepa_r0.csv") - 1))

RANDOM=${SEED:-7}
killed=0 writing=0 lives=0
while [ $killed -lt "$kills" ] && [ $lives -lt $((2 * kills + 20)) ]; do
    lives=$((lives + 1))
    "$ijepa" train "${long[@]}" --resume --set "logging.folder=$work/cut" --set logging.checkpoint_steps=1 \
        --set logging.keep_last=3 --set data.num_workers=$((RANDOM % 3 + 1)) >"$work/out" 2>"$work/err" &
    process=$!
    # Somewhere within its start, or its first steps: it is alive for 0.1 to 0.6 seconds, or a few dozen lines of its log.
    before=$(lines "$work/cut/jepa_r0.csv")
    if [ $((RANDOM % 4)) -eq 0 ]; then
        sleep "0.$((RANDOM % 6 + 1))$((RANDOM % 10))"
    else
        for _ in $(seq 400); do
            now=$(lines "$work/cut/jepa_r0.csv")
            [ "$now" -gt $((before + RANDOM % 30)) ] && [ "$now" -gt 1 ] && break
            kill -0 $process 2>/dev/null || break
            sleep "0.0$((RANDOM % 5 + 1))"
        done
    fi
    if kill -KILL $process 2>/dev/null; then
        killed=$((killed + 1))
    fi
    wait $process 2>/dev/null
    status=$?
    [ $status -eq 137 ] || [ $status -eq 0 ] || fail "a run that goes on" "exit status $status" "$(cat "$work/out" "$work/err")"
    for half in "$work"/cut/*.tmp; do
        [ -e "$half" ] && writing=$((writing + 1))
    done
done
at=$(($(lines "$work/cut/jepa_r0.csv") - 1))
echo "$killed kills in $lives lives, $writing of them while a checkpoint was being written; at step $at of $steps"
[ $killed -ge $((kills / 2)) ] || fail "the run was over before it could be killed often enough" "$killed of $kills"
expect 0 'done: \|all .* steps were taken before' train "${long[@]}" --resume --set "logging.folder=$work/cut"
check "the log after $killed kills" "$(losses "$work/cut/jepa_r0.csv" | cksum)" "$(losses "$work/whole/jepa_r0.csv" | cksum)"
check "the weights after $killed kills" "$(tensors "$work/cut/jepa-latest.safetensors")" \
    "$(tensors "$work/whole/jepa-latest.safetensors")"
check "nothing half written is left" "$(find "$work/cut" -name '*.tmp' | wc -l)" 0
[ $# -le 4 ] || {
    echo "$checks checks, $failures failed"
    [ "$failures" -eq 0 ]
    exit
}

# ---- One command line for a job that is restarted
run=$work/job
job=("${tiny[@]}" --set "logging.folder=$run" --set optimization.epochs=4)
expect 0 "no checkpoint in $run: the run starts afresh" train "${job[@]}" --resume --set optimization.max_steps=5
expect 0 'resume: from .*-step00000005.safetensors, after 5 steps' train "${job[@]}" --resume
expect 0 'all 12 steps were taken before' train "${job[@]}" --resume
check "epochs and iterations of the log" "$(tail -n +2 "$run/jepa_r0.csv" | cut -d, -f1,2 | xargs)" \
    '1,0 1,1 1,2 2,0 2,1 2,2 3,0 3,1 3,2 4,0 4,1 4,2'
check "the newest two are kept" "$(cd "$run" && echo jepa-step*)" 'jepa-step00000009.safetensors jepa-step00000012.safetensors'

# ---- A longer run, a moved folder: said and allowed. Another batch or model: refused, with every difference.
expect 0 '\[optimization\] epochs = 6 (--set), the run.s is 4' train "${job[@]}" --resume --set optimization.epochs=6
cp -r "$images" "$work/moved"
expect 0 'steps were taken before' train "${job[@]}" --resume --set "data.root_path=$work/moved" --set logging.keep_last=5
expect 1 '\[data\] batch_size = 3 (--set), the run.s is 4' train "${job[@]}" --resume --set data.batch_size=3
expect 1 '\[meta\] width = 32 (--set), the run.s is 16' train "${job[@]}" --resume --set data.batch_size=3 --set meta.width=32
expect 1 '\[mask\] patch_size = 8 (--set), the run.s is 4' train "${job[@]}" --resume --set mask.patch_size=8 --set mask.min_keep=0
rm "$work/moved/one/1.jpg"
expect 1 'images in the data set: 11, the run.s 12' train "${job[@]}" --resume --set "data.root_path=$work/moved"
mv "$work/moved/one/0.jpg" "$work/moved/one/9.jpg"
cp "$work/moved/one/9.jpg" "$work/moved/one/8.jpg"
expect 1 'names of the images' train "${job[@]}" --resume --set "data.root_path=$work/moved"

# ---- Damage: the checkpoint before is used; nothing is started over where all are damaged
more=("${tiny[@]}" --set "logging.folder=$run" --set optimization.epochs=7)
newest=$(readlink -f "$run/jepa-latest.safetensors")
size=$(stat -c %s "$newest")
printf 'X' | dd of="$newest" bs=1 seek=$((size - 1000)) conv=notrunc 2>/dev/null
expect 0 'resume: from .*-step000000' train "${more[@]}" --resume
check "the damaged one is named" "$(grep -c "$newest: damaged" "$work/err")" 1
check "and set aside" "$([ -e "$newest.damaged" ] && echo there)" there
check "the log after that" "$(tail -n +2 "$run/jepa_r0.csv" | cut -d, -f1,2 | uniq -d | wc -l) $(lines "$run/jepa_r0.csv")" '0 22'
for file in "$run"/jepa-step*.safetensors; do
    truncate -s 5000 "$file"
done
for _ in 1 2; do # the second time, too: a scheduler tries again
    expect 1 'none of the [23] checkpoints' train "${more[@]}" --resume --set optimization.epochs=8
done

# ---- Checkpoints that are whole and do not fit are told of and left alone
expect 0 'done' train "${job[@]}" --set "logging.folder=$work/lost" --set optimization.max_steps=6
mkdir "$work/misfit"
cp "$work/lost/jepa-step00000006.safetensors" "$work/misfit/jepa-step00000005.safetensors"
for _ in 1 2; do
    expect 1 'is named after step 5, but 6 steps were taken: rename it' train "${job[@]}" --resume \
        --set "logging.folder=$work/misfit"
done
check "a file that does not fit is left alone" "$(ls "$work/misfit")" jepa-step00000005.safetensors
cp "$work/lost/jepa-step00000006.safetensors" "$work/misfit/jepa-step7.safetensors" # no name that a run gives
rm "$work/misfit/jepa-step00000005.safetensors"
expect 0 'the run starts afresh' train "${job[@]}" --resume --set "logging.folder=$work/misfit" --set optimization.max_steps=1

# ---- A folder whose name is no UTF-8
latin=$work/b$(printf '\374')cher
expect 0 'done' train "${job[@]}" --set "logging.folder=$latin" --set optimization.max_steps=3
expect 0 'after 3 steps' train "${job[@]}" --set "logging.folder=$latin" --resume

# ---- Where the log was lost, has a gap, or other columns
head -3 "$work/lost/jepa_r0.csv" >"$work/short"
cp "$work/short" "$work/lost/jepa_r0.csv"
expect 0 'holds 2 of the 6 steps before without a gap' train "${job[@]}" --set "logging.folder=$work/lost" --resume
rm "$work/lost/jepa-step00000012.safetensors"
expect 0 'after 9 steps' train "${job[@]}" --set "logging.folder=$work/lost" --resume
check "steps of a log with a gap" "$(tail -n +2 "$work/lost/jepa_r0.csv" | cut -d, -f1,2 | xargs)" \
    '1,0 1,1 3,0 3,1 3,2 4,0 4,1 4,2'
rm "$work/lost/jepa_r0.csv"
expect 0 'is missing, and is begun anew' train "${job[@]}" --set "logging.folder=$work/lost" --resume --set optimization.epochs=5
echo 'epoch,itr,loss,mask-A,mask-B,time (ms)' >"$work/lost/jepa_r0.csv"
expect 0 'has other columns: it is renamed' train "${job[@]}" --set "logging.folder=$work/lost" --resume --set optimization.epochs=6
check "the log with other columns" "$(cat "$work/lost/jepa_r0.csv~")" 'epoch,itr,loss,mask-A,mask-B,time (ms)'

# ---- Weights to start from
init=$work/lost/jepa-latest.safetensors
expect 0 'start:  from the weights in' train "${tiny[@]}" --init "$init" --set optimization.max_steps=1
expect 0 'start:  from the weights in' train "${tiny[@]}" --set data.crop_size=32 --init "$init" --set optimization.max_steps=1
expect 0 'start:  from the weights in' train "${tiny[@]}" --set meta.load_checkpoint=true \
    --set "meta.read_checkpoint=$init" --set optimization.max_steps=1
cp "$init" "$work/run/pretrained.safetensors"
expect 0 'start:  from the weights in .*run/pretrained' train "${tiny[@]}" --set meta.load_checkpoint=true \
    --set meta.read_checkpoint=pretrained.safetensors --set optimization.max_steps=1
expect 0 'resume: from' train "${tiny[@]}" --set meta.load_checkpoint=true --set optimization.max_steps=2
expect 1 "holds another model: the encoder's width is 16 there, 32 here" train "${tiny[@]}" --init "$init" --set meta.width=32
expect 1 "$work/nothing" train "${tiny[@]}" --init "$work/nothing"
expect 1 'is neither' train "${tiny[@]}" --init "$images/one/0.jpg"
expect 2 'must follow --init' train "${tiny[@]}" --init

# ---- Two runs into one folder
"$ijepa" train "${tiny[@]}" --set optimization.epochs=1000000 --set logging.checkpoint_freq=0 >"$work/first" 2>&1 &
process=$!
for _ in $(seq 600); do
    grep -q '^epoch' "$work/first" && break
    sleep 0.1
done
expect 1 "another run is writing to $work/run: process $process;" train "${tiny[@]}"
kill -KILL $process
wait $process 2>/dev/null
expect 0 'done' train "${tiny[@]}" --set optimization.max_steps=1 # the lock died with its holder

echo "$checks checks, $failures failed"
[ "$failures" -eq 0 ]

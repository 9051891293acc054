#!/usr/bin/env bash
# Several processes that train one model, started by mpirun as people do: any number of them has the losses of one, also
# with unequal shares; what is not the same everywhere is refused; a rank that is killed, or stops, ends the job, which
# goes on from its checkpoint as if nothing had happened, byte for byte, also with another number of ranks.
#   test_ranks.sh IJEPA PRESETS MPIRUN [KILLS]
# shellcheck source=tests/drive_ijepa.sh
. "$(dirname "$0")/drive_ijepa.sh"
mpirun=$3 kills=${4:-3}
if ! "$ijepa" devices >"$work/out" 2>&1 && grep -q 'no OpenCL device found' "$work/out"; then
    echo "SKIPPED: there is no OpenCL device here"
    exit 77
fi

long=("$presets/tiny.ini" --set "data.root_path=$images" --set data.batch_size=6 --set optimization.steps=60
    --set optimization.warmup=1 --set optimization.pixel_start=0.4 --set optimization.pixel_weight=0.5)

# train RANKS FOLDER OPTION...: the same run by so many.
train() {
    local ranks=$1 folder=$2
    shift 2
    "$mpirun" -n "$ranks" "$ijepa" train "${long[@]}" --set "logging.folder=$work/$folder" "$@" >"$work/out" 2>"$work/err"
}
# Whether two logs have the same steps and, in columns 3 (loss) and 11 (spread), the same numbers to 1e-6.
same_losses() {
    paste -d, "$1" "$2" | awk -F, '
        function far(a, b) { return a == b ? 0 : (a > b ? a - b : b - a) > 1e-6 * (b > 0 ? b : -b) }
        NR > 1 { half = NF / 2; if ($1 != $(half + 1) || $2 != $(half + 2) || far($3, $(half + 3)) || far($11, $(half + 11))) bad++ }
        END { print bad ? "different in " bad " of " NR - 1 " lines" : "the same " NR - 1 }'
}
# The tensors' bytes of a checkpoint.
tensors() {
    local length
    length=$(od -An -tu8 -N8 "$1" | tr -d ' ')
    tail -c +$((length + 9)) "$1" | cksum
}

# ---- As one
train 1 one || fail "one rank" "$(cat "$work/out" "$work/err")"
for ranks in 2 3; do
    train $ranks of$ranks || fail "$ranks ranks" "$(cat "$work/out" "$work/err")"
    check "the losses of $ranks ranks" "$(same_losses "$work/of$ranks/jepa_r0.csv" "$work/one/jepa_r0.csv")" "the same 60"
    grep -q "^rank $((ranks - 1)): .* of 6 images of each batch, on " "$work/out" || fail "shares are told" "$(cat "$work/out")"
    grep -q '^ranks: each sent .* MiB of gradients a step' "$work/out" || fail "the exchange is told of" "$(cat "$work/out")"
done
train 2 uneven --set run.share=2,1 --set data.micro_batch=3 || fail "unequal shares" "$(cat "$work/out" "$work/err")"
grep -q '^rank 0: 4 of 6 images' "$work/out" || fail "unequal shares" "$(cat "$work/out")"
check "the losses of unequal shares" "$(same_losses "$work/uneven/jepa_r0.csv" "$work/one/jepa_r0.csv")" "the same 60"
train 2 again || fail "two ranks again" "$(cat "$work/out" "$work/err")"
check "the weights of two ranks, again" "$(tensors "$work/again/jepa-latest.safetensors")" \
    "$(tensors "$work/of2/jepa-latest.safetensors")"

# Devices that do not compute the same bits, and whose weights lie in other orders: shares by speed, rank 0's weights
# from time to time.
"$mpirun" -n 1 "$ijepa" train "${long[@]}" --set "logging.folder=$work/unlike" --set logging.tensorboard=true : \
    -n 1 env IJEPA_IMPL="tile group" "$ijepa" train "${long[@]}" --set "logging.folder=$work/unlike" \
    --set logging.tensorboard=true >"$work/out" 2>"$work/err" || fail "unlike devices" "$(cat "$work/out" "$work/err")"
check "the losses of unlike devices" "$(same_losses "$work/unlike/jepa_r0.csv" "$work/one/jepa_r0.csv")" "the same 60"
check "shares by speed" "$(grep -c '^ranks: by their speed the last batches were shared [1-5], [1-5]$' "$work/out")" 1

for width in 4 8; do # whichever this processor's is not
    "$mpirun" -n 1 env IJEPA_VECTOR_WIDTH=$width "$ijepa" train "${long[@]}" --set "logging.folder=$work/width$width" : -n 1 \
        "$ijepa" train "${long[@]}" --set "logging.folder=$work/width$width" --set run.share=2,1 >"$work/out" 2>"$work/err" ||
        fail "vectors of $width floats on one rank" "$(cat "$work/out" "$work/err")"
    check "the losses beside vectors of $width floats" "$(same_losses "$work/width$width/jepa_r0.csv" "$work/one/jepa_r0.csv")" "the same 60"
done

# ---- Features and their judges: the same bytes
model=$work/one/jepa-latest.safetensors
mkdir "$work/mixed" && cp -r "$images/one" "$images/two" "$work/mixed" && echo "no image" >"$work/mixed/one/3.jpg"
"$ijepa" embed "$model" "$work/mixed" --out "$work/alone.npy" --batch 2 >"$work/out" 2>"$work/err" ||
    fail "embed" "$(cat "$work/out" "$work/err")"
for ranks in 2 3; do
    "$mpirun" -n $ranks "$ijepa" embed "$model" "$work/mixed" --out "$work/together.npy" --batch 2 >"$work/out" 2>"$work/err" ||
        fail "embed by $ranks ranks" "$(cat "$work/out" "$work/err")"
    check "features of $ranks ranks" "$(cksum <"$work/together.npy")" "$(cksum <"$work/alone.npy")"
    check "what is told" "$(grep -c '^written: .*, 11 images of .* floats; 1 left out' "$work/out")" 1
done
export IJEPA_CACHE=off
"$ijepa" eval "$model" --train "$images" --test "$images" --heads knn,ridge --json >"$work/alone.json" 2>"$work/err" ||
    fail "eval" "$(cat "$work/err")"
"$mpirun" -n 2 "$ijepa" eval "$model" --train "$images" --test "$images" --heads knn,ridge --json >"$work/together.json" \
    2>"$work/err" || fail "eval by two ranks" "$(cat "$work/err")"
check "what two ranks measure" "$(cat "$work/together.json")" "$(cat "$work/alone.json")"
unset IJEPA_CACHE

# ---- What does not fit
refused() { # NAME PATTERN ARGUMENT OF mpirun...
    local name=$1 pattern=$2
    shift 2
    checks=$((checks + 1))
    if "$mpirun" "$@" >"$work/out" 2>"$work/err"; then
        fail "$name" "exit status 0"
    elif ! grep -q "$pattern" "$work/err"; then
        fail "$name" "\"$pattern\" is not in:" "$(cat "$work/err")"
    fi
}
one=("$ijepa" train "${long[@]}" --set "logging.folder=$work/refused")
refused "another seed" '^ijepa: rank 1: rank 1 cannot take part' -n 1 "${one[@]}" : -n 1 "${one[@]}" --set run.seed=5
refused "other steps" '\[optimization\] steps = 61' -n 1 "${one[@]}" : -n 1 "${one[@]}" --set optimization.steps=61
mkdir "$work/more" && cp -r "$images/one" "$images/two" "$work/more" && cp "$images/one/0.jpg" "$work/more/one/9.jpg"
refused "other images" 'data.images: 13, rank 0.s 12' -n 1 "${one[@]}" : -n 1 "${one[@]}" --set "data.root_path=$work/more"
refused "a list of another length" '\[run\] share is auto, equal or a number' -n 2 "${one[@]}" --set run.share=1,2,3
refused "fewer images than ranks" 'a batch of 6 images cannot be shared by 7 ranks' -n 7 "${one[@]}"
refused "what is of a whole batch" 'nor by several ranks' -n 2 "${one[@]}" --set optimization.variance_weight=1

# ---- Asked to end: all ranks do, after the same step, with a checkpoint
longer=("$ijepa" train "${long[@]}" --set optimization.steps=100000 --set logging.checkpoint_steps=5)
# start RANKS FOLDER OPTION...: in the background; the ranks' processes are in pid.RANK.
start() {
    local ranks=$1 folder=$2
    shift 2
    rm -f "$work"/pid.*
    # shellcheck disable=SC2016
    "$mpirun" -n "$ranks" bash -c 'echo $$ >"$0.part.$OMPI_COMM_WORLD_RANK" && mv "$0.part.$OMPI_COMM_WORLD_RANK" "$0.$OMPI_COMM_WORLD_RANK" && exec "$@"' \
        "$work/pid" "$@" --set "logging.folder=$work/$folder" >"$work/out" 2>"$work/err" &
    job=$!
}
lines() { if [ -e "$1" ]; then wc -l <"$1"; else echo 0; fi; }
# wait_for LINES FOLDER: until the log has so many, or the job is over.
wait_for() {
    for _ in $(seq 1200); do
        [ -e "$work/pid.0" ] && [ -e "$work/pid.1" ] && [ "$(lines "$work/$2/jepa_r0.csv")" -ge "$1" ] && return
        kill -0 $job 2>/dev/null || return
        sleep 0.05
    done
    fail "$1 lines of $2's log within a minute" "$(cat "$work/out" "$work/err")"
}
start 3 ended "${longer[@]}"
wait_for 20 ended
kill -TERM "$(cat "$work/pid.1")"
wait $job
check "its exit status" $? 143
grep -q '^ended after ' "$work/out" || fail "a rank is asked to end" "$(cat "$work/out" "$work/err")"
steps=$(sed -n 's/^ended after \([0-9]*\) of.*/\1/p' "$work/out")
check "lines of its log" "$(lines "$work/ended/jepa_r0.csv")" $((steps + 1))
[ -e "$work/ended/jepa-step$(printf %08d "$steps").safetensors" ] || fail "its checkpoint" "$(ls "$work/ended")"

# ---- Silent: the job ends and says who
checks=$((checks + 1))
IJEPA_SILENCE=4 start 2 silent "${longer[@]}"
wait_for 20 silent
kill -STOP "$(cat "$work/pid.1")"
SECONDS=0
wait $job && fail "a rank stops" "exit status 0"
kill -KILL "$(cat "$work/pid.1")" 2>/dev/null
[ $SECONDS -le 30 ] || fail "a rank stops" "the job took $SECONDS s to end"
grep -q '^ijepa: rank 0: rank 1 on .* has not been heard of for 4 s' "$work/err" || fail "a rank stops" "$(cat "$work/err")"

# ---- Killed again and again, one rank or the other, in the middle of steps and checkpoints
steps=$((400 * (kills + 1))) RANDOM=${SEED:-7} ended=0
train 2 whole --set optimization.steps=$steps || fail "an undisturbed run" "$(cat "$work/out" "$work/err")"
for ((killed = 0; killed < kills; killed++)); do
    start 2 cut "$ijepa" train "${long[@]}" --set optimization.steps=$steps --resume --set logging.checkpoint_steps=10 \
        --set logging.keep_last=3
    wait_for $((400 * killed + RANDOM % 300)) cut
    sleep "0.0$((RANDOM % 10))"
    kill -KILL "$(cat "$work/pid.$((RANDOM % 2))")" 2>/dev/null
    SECONDS=0
    wait $job
    status=$?
    [ $SECONDS -le 30 ] || fail "a rank is killed" "the job took $SECONDS s to end"
    [ $status -eq 0 ] || grep -q 'rank [01]' "$work/err" || fail "the message names the rank" "$(cat "$work/err")"
    [ $status -ne 0 ] && ended=$((ended + 1))
done
train 2 cut --resume --set optimization.steps=$steps || fail "going on after $kills kills" "$(cat "$work/out" "$work/err")"
check "the weights after $kills kills" "$(tensors "$work/cut/jepa-latest.safetensors")" \
    "$(tensors "$work/whole/jepa-latest.safetensors")"
check "the losses after $kills kills" "$(same_losses "$work/cut/jepa_r0.csv" "$work/whole/jepa_r0.csv")" "the same $steps"

# ---- With another number
train 3 other --set optimization.max_steps=30 || fail "half of a run by three" "$(cat "$work/out" "$work/err")"
train 1 other --resume || fail "the other half by one" "$(cat "$work/out" "$work/err")"
check "the losses of three, then one" "$(same_losses "$work/other/jepa_r0.csv" "$work/one/jepa_r0.csv")" "the same 60"

check "runs that a killed rank ended" "$ended" "$kills"
echo "$checks checks, $failures failed"
[ $failures -eq 0 ]

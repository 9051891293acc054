#!/usr/bin/env bash
# Drives the program as a person would: help, wrong usage, bad input of every kind (one clear message, the right exit
# status), and, where an OpenCL device is there, short runs from start to end.
#   test_frontend.sh IJEPA PRESETS
set -u
ijepa=$1
presets=$2
work=$(mktemp -d)
trap 'chmod -R u+rwx "$work"; rm -rf "$work"' EXIT
failures=0 checks=0

fail() {
    failures=$((failures + 1))
    echo "FAILED: $1"
    shift
    printf '%s\n' "$@" | head -20 | sed 's/^/    /'
}

# expect STATUS PATTERN ARGUMENT...: `ijepa ARGUMENT...` ends with that status and its output holds the pattern. Where
# it fails, the first line of its messages begins with "ijepa: ".
expect() {
    local status=$1 pattern=$2 got
    shift 2
    checks=$((checks + 1))
    "${runner[@]}" "$ijepa" "$@" >"$work/out" 2>"$work/err"
    got=$?
    if [ $got -ne "$status" ]; then
        fail "ijepa $*" "exit status $got, expected $status" "$(cat "$work/out" "$work/err")"
    elif ! cat "$work/out" "$work/err" | grep -qe "$pattern"; then
        fail "ijepa $*" "\"$pattern\" is not in:" "$(cat "$work/out" "$work/err")"
    elif [ "$status" -ne 0 ] && [ $# -gt 0 ] && ! head -1 "$work/err" | grep -q '^ijepa: '; then
        fail "ijepa $*" "no message of the form \"ijepa: ...\" in:" "$(cat "$work/err")"
    fi
}
runner=()

check() {
    checks=$((checks + 1))
    [ "$2" = "$3" ] || fail "$1" "$2, expected $3"
}

# ---- A folder of twelve small JPEGs
images=$work/images
mkdir -p "$images/one" "$images/two"
base64 -d >"$images/one/0.jpg" <<'JPEG'
/9j/2wBDABQODxIPDRQSEBIXFRQYHjIhHhwcHj0sLiQySUBMS0dARkVQWnNiUFVtVkVGZIhlbXd7gYKBTmCNl4x9lnN+gXz/2wBDARUXFx4aHj
shITt8U0ZTfHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHz/wAARCAAYACADASIAAhEBAxEB/8QAGAAA
AwEBAAAAAAAAAAAAAAAAAAMEAgb/xAAgEAACAgICAgMAAAAAAAAAAAABAgARAxMEIhIhMTJB/8QAGAEAAwEBAAAAAAAAAAAAAAAAAwQFAgb/xA
AnEQAABQICCwAAAAAAAAAAAAAAAQIDETFBUWEEEhMhIzJCcZGh8P/aAAwDAQACEQMRAD8A5vFxirBmFASnRsrxF1K0x7OtVcemDV+XcKbiCQaU
nw7nefosMMv+RLixBFCt6IjsXGKMGYUBLE4uzt8XKEx7OtVcXW7Ma1uXPv6wFhl8YHGCraiiI7Dg2fYXUIQTpxpCUFQypa45BhZxIeMRVqX0BK
hxgq+SiiIQiZKM9rPTTKtMBZZWe4f/2Q==
JPEG
for i in 1 2 3 4 5; do cp "$images/one/0.jpg" "$images/one/$i.jpg"; done
for i in 0 1 2 3 4 5; do cp "$images/one/0.jpg" "$images/two/$i.jpg"; done
tiny=("$presets/tiny.ini" --set "data.root_path=$images" --set "logging.folder=$work/run")

# ---- Help and usage
expect 0 'ijepa devices' --help
expect 0 '^ijepa [0-9]' --version
expect 0 'Usage: ijepa train' train --help
expect 0 'Usage: ijepa train' train nothing.ini --unknown -h
expect 0 'num_pred_masks = 4' config --help
expect 0 'Usage: ijepa devices' devices --help
expect 2 'ijepa train'
expect 2 'there is no command trian' trian
expect 2 'there is no option --verbose' --verbose
expect 2 'unknown option --fast' train "$presets/tiny.ini" --fast
expect 2 'unknown option --fast' config --fast "$presets/tiny.ini"
expect 2 'unknown argument x' devices x
expect 2 'which configuration' train
expect 2 'which configuration' config
expect 2 'one configuration at a time' config a.ini b.ini
expect 2 'must follow --set' train "$presets/tiny.ini" --set
expect 2 'must follow --device' train "$presets/tiny.ini" --device

# ---- Configurations
expect 0 '^batch_size = 2 .*--set' config "$presets/tiny.ini" --set data.batch_size=2
expect 0 '^device = gpu .*--set' config "$presets/tiny.ini" --device gpu --set=run.device=cpu
expect 1 'No such file' config "$work/missing.ini"
expect 1 'directory' config "$work"
expect 1 'did you mean batch_size' train "$presets/tiny.ini" --set data.batch_sise=2
expect 1 'tiny.ini:[0-9]*: \[data\] crop_size = 24 is not a multiple' config "$presets/tiny.ini" --set mask.patch_size=5
expect 1 'no valid masks exist' config "$presets/tiny.ini" --set mask.min_keep=30
"$ijepa" config "$presets/cifar10.ini" >"$work/printed.ini"
expect 0 '^width = 192' config "$work/printed.ini"

# ---- Data that is not there
mkdir "$work/empty" "$work/text"
echo hello >"$work/text/readme.txt"
expect 1 'root_path is not set' train "$presets/tiny.ini" --set "logging.folder=$work/run"
expect 1 "$work/nowhere" train "${tiny[@]}" --set "data.root_path=$work/nowhere"
expect 1 "$work/empty" train "${tiny[@]}" --set "data.root_path=$work/empty"
expect 1 "$work/text" train "${tiny[@]}" --set "data.root_path=$work/text"
expect 1 "$images/three" train "${tiny[@]}" --set data.image_folder=three
expect 1 'batch_size = 13 is larger than the data set, which has 12 images' train "${tiny[@]}" --set data.batch_size=13

# ---- Folders without permission: root may do everything, so become somebody else for these
mkdir "$work/secret"
cp "$images/one/0.jpg" "$work/secret"
chmod 000 "$work/secret"
chmod 755 "$work"
mkdir "$work/theirs"
if [ "$(id -u)" -eq 0 ]; then
    runner=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    chmod 700 "$work/theirs"
else
    chmod 500 "$work/theirs"
fi
if "${runner[@]}" "$ijepa" --version >"$work/out" 2>&1 && "${runner[@]}" test -r "$presets/tiny.ini"; then
    expect 1 "$work/secret" train "$presets/tiny.ini" --set "data.root_path=$work/secret" --set "logging.folder=$work/run"
    expect 1 "cannot write to the run folder $work/theirs" train "${tiny[@]}" --set "logging.folder=$work/theirs/run"
else
    echo "SKIPPED: folders without permission (the program is out of another user's reach)"
fi
runner=()
expect 1 "cannot write to the run folder $presets/tiny.ini/run" train "${tiny[@]}" --set "logging.folder=$presets/tiny.ini/run"

# ---- No OpenCL platform at all
runner=(env OCL_ICD_VENDORS=/nonexistent OCL_ICD_FILENAMES=)
expect 1 'OpenCL' devices
expect 1 'OpenCL' train "${tiny[@]}"
runner=()

# ---- Runs
if "$ijepa" devices >"$work/out" 2>&1; then
    expect 0 '^0: ' devices
    expect 1 'nonesuch' train "${tiny[@]}" --device nonesuch
    expect 1 'smaller batch_size, crop_size or model' train "${tiny[@]}" --set meta.width=16384 --set meta.depth=256 --set meta.heads=128 \
        --set meta.pred_emb_dim=16384

    run=$work/a/b/run
    expect 0 '^host:   1 loading thread of .* MiB, paths up to ' train "${tiny[@]}" --set optimization.max_steps=1
    expect 0 'checkpoint: ' train "${tiny[@]}" --set "logging.folder=$run" --set optimization.epochs=2
    check "columns of the log" "$(head -1 "$run/jepa_r0.csv")" \
        'epoch,itr,loss,mask-A,mask-B,time (ms),lr,wd,ema,images_per_second,target_std'
    check "epochs and iterations of the log" "$(tail -n +2 "$run/jepa_r0.csv" | cut -d, -f1,2 | xargs)" \
        '1,0 1,1 1,2 2,0 2,1 2,2'
    check "the checkpoint" "$(head -c 10 "$run/jepa-latest.safetensors" | tail -c 2)" '{"'
    expect 0 '^epochs = 2' config "$run/jepa-config.ini"

    # The same seed gives the same losses, and the earlier run's results are still there.
    expect 0 'renamed, with ~ added' train "$run/jepa-config.ini"
    check "a second run's losses" "$(cut -d, -f1-5,7-9,11 "$run/jepa_r0.csv")" "$(cut -d, -f1-5,7-9,11 "$run/jepa_r0.csv~")"
    check "a second run's weights" "$(cksum <"$run/jepa-latest.safetensors")" "$(cksum <"$run/jepa-latest.safetensors~")"
    expect 0 'done: 2 of 2 steps' train "${tiny[@]}" --set optimization.max_steps=2 --set mask.truncate=none

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
else
    echo "SKIPPED: training runs (there is no OpenCL device here)"
fi

echo "$checks checks, $failures failed"
[ "$failures" -eq 0 ]

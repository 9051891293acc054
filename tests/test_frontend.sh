#!/usr/bin/env bash
# Help, wrong usage and bad input of every kind: one clear message and the right exit status. Needs no OpenCL device.
#   test_frontend.sh IJEPA PRESETS
# shellcheck source=tests/drive_ijepa.sh
. "$(dirname "$0")/drive_ijepa.sh"

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
expect 0 '^width = 128' config "$work/printed.ini"

# ---- Data that is not there
mkdir "$work/empty" "$work/text"
echo hello >"$work/text/readme.txt"
expect 1 'root_path is not set' train "$presets/tiny.ini" --set "logging.folder=$work/run"
expect 1 "\[data\] root_path: cannot open the data set $work/nowhere" train "${tiny[@]}" --set "data.root_path=$work/nowhere"
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
    echo "SKIPPED: folders without permission: the program is out of another user's reach"
fi
runner=()
expect 1 "cannot write to the run folder $presets/tiny.ini/run" train "${tiny[@]}" --set "logging.folder=$presets/tiny.ini/run"

# ---- No OpenCL platform at all
runner=(env OCL_ICD_VENDORS=/nonexistent OCL_ICD_FILENAMES=)
expect 1 'OpenCL' devices
expect 1 'OpenCL' train "${tiny[@]}"
runner=()

echo "$checks checks, $failures failed"
[ "$failures" -eq 0 ]

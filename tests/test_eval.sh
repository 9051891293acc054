#!/usr/bin/env bash
# `ijepa eval` as a person would drive it, on drawn shapes and a model of random numbers, and its answers to bad input.
#   test_eval.sh IJEPA PRESETS MAKE_SHAPES [judge]
# With "judge" its classifiers are held against scikit-learn's on the features that `ijepa embed` writes: IJEPA_PYTHON
# names a Python that has it; otherwise python3 and /usr/bin/python3 are tried. Without one that part is skipped (77).
# shellcheck source=tests/drive_ijepa.sh
. "$(dirname "$0")/drive_ijepa.sh"
here=$(cd "$(dirname "$0")" && pwd)
shapes=$work/shapes
export IJEPA_CACHE=$work/cache

python=
if [ "${4:-}" = judge ]; then
    for candidate in ${IJEPA_PYTHON:+"$IJEPA_PYTHON"} python3 /usr/bin/python3; do
        "$candidate" -c 'import sklearn, numpy' 2>/dev/null && python=$candidate && break
    done
    if [ -z "$python" ]; then
        echo "SKIPPED: no python3 here can \"import sklearn\" (PyPI: scikit-learn; or set IJEPA_PYTHON)"
        exit 77
    fi
fi
if ! "$ijepa" devices >"$work/out" 2>&1 && grep -q 'no OpenCL device found' "$work/out"; then
    echo "SKIPPED: there is no OpenCL device here"
    exit 77
fi

"$3" "$shapes" --train 150 --test 300 --size 24 >"$work/out" || fail make_shapes "$(cat "$work/out")"
expect 0 'done' train "$presets/tiny.ini" --set "data.root_path=$shapes/train.csv" --set "logging.folder=$work/run" \
    --set meta.depth=4 --set optimization.max_steps=5
model=$work/run/jepa-latest.safetensors
# Classes of the same images: where the red disc is.
for part in train test; do
    awk -F, 'NR == 1 { print "path,label"; next } { print $1 "," ($4 < 0.37 ? "left" : $4 > 0.63 ? "right" : "middle") }' "$shapes/$part.csv" \
        >"$shapes/$part-sides.csv"
done
sides=(--train "$shapes/train-sides.csv" --test "$shapes/test-sides.csv")

if [ -n "$python" ]; then
    expect 0 '"rows"' eval "$model" "${sides[@]}" --json
    cp "$work/out" "$work/eval.json"
    for features in '1 mean' '4 2x2'; do
        read -r layers pool <<<"$features"
        for part in train test; do
            expect 0 written embed "$model" "$shapes/$part-sides.csv" --out "$work/$part.npy" --layers "$layers" --pool "$pool"
        done
        checks=$((checks + 1))
        "$python" "$here/judge_eval.py" "$work/eval.json" "$work/train.npy" "$work/test.npy" --layers "$layers" \
            --pool "$pool" >"$work/out" 2>&1 || fail "scikit-learn, $features" "$(cat "$work/out")"
    done
    echo "$checks checks, $failures failed"
    [ "$failures" -eq 0 ]
    exit
fi

# ---- Help and usage
expect 0 'Usage: ijepa eval' eval --help
expect 0 'ijepa eval' --help
expect 2 'which model' eval
expect 2 'add --train PATH' eval "$model"
expect 2 'Add --test PATH' eval "$model" --train a
expect 2 'unknown option --fast' eval "$model" --fast
expect 2 'one model at a time, not also b' eval a b
expect 2 'a number from 1 to' eval "$model" "${sides[@]}" --shots none
expect 2 'a number from 1 to' eval "$model" "${sides[@]}" --limit 0
expect 2 'a value must follow --target' eval "$model" "${sides[@]}" --target

expect 2 '.heads takes linear, knn, few, ridge, not "nets"' eval "$model" "${sides[@]}" --heads linear,nets
expect 2 '.rows takes trained, random, pixels, not "all"' eval "$model" "${sides[@]}" --rows all
expect 2 'a share between 0 and 1 must follow .*, not 1' eval "$model" --train a --validation 1
expect 2 'either --test or --validation' eval "$model" "${sides[@]}" --validation 0.1

# ---- Some heads, some rows, and a part of the training images in place of others
expect 0 '^images: 120 to learn from, 30 to test on, 3 classes' eval "$model" --train "${sides[1]}" --validation 0.2 \
    --heads ridge,knn --rows trained,pixels --save "$work/part.json"
cp "$work/out" "$work/part"
check 'rows and heads' "$(grep -c '^\(trained \|random  \|raw pixels\)' "$work/part") $(grep -c 'linear\|Few\|random start' "$work/part")" '10 0'
check 'in JSON' "$(grep -c ridge_classifier "$work/part.json") $(grep -c '"linear"\|few_labels' "$work/part.json")" '5 0'
expect 0 images eval "$model" --train "${sides[1]}" --validation 0.2 --heads ridge,knn --rows trained,pixels
check 'the same part again' "$(cmp "$work/out" "$work/part" 2>&1)" ''
expect 0 images eval "$model" --train "${sides[1]}" --validation 0.2 --heads ridge,knn --rows trained,pixels --seed 1
check 'another part' "$(cmp -s "$work/out" "$work/part" || echo differs)" differs
expect 1 'none would be left to learn from' eval "$model" --train "${sides[1]}" --validation 0.999

# ---- The report, its width, the cache
expect 0 '^images: 150 to learn from, 300 to test on, 3 classes' eval "$model" "${sides[@]}"
cp "$work/out" "$work/report"
check 'lines beyond 80 columns' "$(awk 'length > 80' "$work/report" | wc -l)" 0
check 'kinds of features' "$(grep -c '^\(trained \|random  \|raw pixels\)' "$work/report")" 18
check 'random start' "$(grep -c "that this model's training began with (seed 0)" "$work/report")" 1
files=$(find "$work/cache/features" -type f | wc -l)
expect 0 images eval "$model" "${sides[@]}"
check 'a second report' "$(cmp "$work/out" "$work/report" 2>&1)" ''
check 'cached features' "$(find "$work/cache/features" -type f | wc -l)" "$files"
for file in "$work"/cache/features/*; do printf x | dd of="$file" bs=1 seek=100 conv=notrunc 2>/dev/null; done
expect 0 images eval "$model" "${sides[@]}"
check 'a report with a damaged cache' "$(cmp "$work/out" "$work/report" 2>&1)" ''
touch "$shapes/train/000000.jpg"
expect 0 images eval "$model" "${sides[@]}"
check 'an image that changed is read again' "$(($(find "$work/cache/features" -type f | wc -l) > files))" 1
IJEPA_CACHE=off expect 0 images eval "$model" "${sides[@]}"
check 'a report without a cache' "$(cmp "$work/out" "$work/report" 2>&1)" ''

# ---- Few labels; seeds
expect 0 '7 of each (21)' eval "$model" "${sides[@]}" --shots 7 --limit 20
expect 0 '30 to learn from, 30 to test on' eval "$model" "${sides[@]}" --limit 10
expect 0 '"random_start_is_the_models":.true' eval "$model" "${sides[@]}" --json --limit 20

# ---- Numbers
expect 0 'R2  mean abs error' eval "$model" --train "$shapes/train.csv" --test "$shapes/test.csv" --target x --limit 40
check 'no classes of fractions' "$(grep -c 'Right answers' "$work/out")" 0
check 'lines beyond 80 columns' "$(awk 'length > 80' "$work/out" | wc -l)" 0
expect 0 '8 classes' eval "$model" --train "$shapes/train.csv" --test "$shapes/test.csv" --target count --limit 100
check 'counts as classes' "$(grep -c 'Right answers' "$work/out")" 1
expect 0 '"mean_absolute_error"' eval "$model" --train "$shapes/train.csv" --test "$shapes/test.csv" --target count --json --limit 60

# ---- Bad input
expect 1 'has no column "size"; its columns are: count, distance, x, y' eval "$model" --train "$shapes/train.csv" \
    --test "$shapes/test.csv" --target size
expect 1 'has no labels' eval "$model" --train "$shapes/train.csv" --test "$shapes/test.csv"
expect 1 'is no list file' eval "$model" --train "$shapes" --test "$shapes" --target count
grep -v ',right\|,middle' "$shapes/train-sides.csv" >"$shapes/one.csv"
expect 1 'are all of one class' eval "$model" --train "$shapes/one.csv" --test "$shapes/one.csv"
expect 1 'have a class "middle" that the training images in .* lack' eval "$model" --train "$shapes/one.csv" \
    --test "$shapes/test-sides.csv"
expect 1 '1000 images of each class were asked for' eval "$model" "${sides[@]}" --shots 1000
expect 1 'are no counts' eval "$model" --train "$shapes/train.csv" --test "$shapes/test.csv" --target x --shots 2
expect 1 'has 9 images to learn from: ten are needed' eval "$model" "${sides[@]}" --limit 3
expect 1 'neither a safetensors file nor' eval "$shapes/train.csv" "${sides[@]}"
expect 1 'cannot open' eval "$work/nothing" "${sides[@]}"
expect 1 'nothing' eval "$model" --train "$work/nothing" --test "$shapes/test-sides.csv"
expect 1 'nonesuch' eval "$model" "${sides[@]}" --device nonesuch
printf 'path,count\ntrain/000000.jpg,many\n' >"$shapes/words.csv"
expect 1 '"many" in column count is no number' eval "$model" --train "$shapes/words.csv" --test "$shapes/test.csv" --target count
head -c 300 "$shapes/train/000001.jpg" >"$work/cut" && cp "$work/cut" "$shapes/train/000001.jpg"
expect 0 '^images: 149 to learn from, .*; 1 cannot be read' eval "$model" "${sides[@]}"

# ---- Shapes are drawn alike again, and otherwise with another seed
"$3" "$work/again" --train 3 --test 1 --size 24 >/dev/null
"$3" "$work/other" --train 3 --test 1 --size 24 --seed 1 >/dev/null
check 'shapes of a seed' "$(head -4 "$shapes/train.csv" | cmp - "$work/again/train.csv" 2>&1)" ''
check 'pixels of a seed' "$(cmp "$shapes/train/000002.jpg" "$work/again/train/000002.jpg" 2>&1)" ''
check 'shapes of another seed' "$(cmp -s "$work/other/train.csv" "$work/again/train.csv" && echo same)" ''
"$3" "$work/again" >/dev/null 2>&1
check 'shapes are not drawn into a folder that is there' $? 1

echo "$checks checks, $failures failed"
[ "$failures" -eq 0 ]

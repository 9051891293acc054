#!/usr/bin/env bash
# Drives `ijepa data` as a person would: help, wrong usage, the report on good and on broken folders, --check, --sheet.
#   test_data_command.sh IJEPA PRESETS
# shellcheck source=tests/drive_ijepa.sh
. "$(dirname "$0")/drive_ijepa.sh"
cp "$images/one/0.jpg" "$images/two/6.jpg"

# expect_data STATUS PATTERN ARGUMENT...: what `ijepa data ARGUMENT...` ends with and says.
expect_data() {
    local status=$1 pattern=$2
    shift 2
    expect "$status" "$pattern" data "$@"
}
sheet=(--sheet "$work/sheet.png" --config "$presets/tiny.ini")

# ---- Help and usage
expect_data 0 'Usage: ijepa data PATH' --help
expect_data 2 'Name a folder'
expect_data 2 'unknown option --chekc' "$images" --chekc
expect_data 2 'one data set at a time' "$images" "$images"
expect_data 2 'a file must follow --sheet' "$images" --sheet
expect_data 2 'needs --config' "$images" --sheet "$work/x.png"
expect_data 2 '--set needs --config' "$images" --check --set data.max_pixels=100
expect_data 2 'an INI file must follow' "$images" --sheet "$work/x.png" --config
expect_data 2 'a number from 1 to 400' "$images" "${sheet[@]}" --images 0
expect_data 2 'a number from 1 to 400' "$images" "${sheet[@]}" --images=many
expect_data 1 "$work/nowhere" "$work/nowhere"
expect_data 1 'did you mean' "$images" "${sheet[@]}" --set data.crop_sise=3
mkdir "$work/empty"
expect_data 1 "$work/empty" "$work/empty"

# ---- The report
expect_data 0 '^images:  13 in ' "$images"
expect_data 0 '^classes: 2, of 6 images (one) to 7 (two)$' "$images"
expect_data 0 '^looked:  at the headers of all images$' "$images"
expect_data 0 '^sizes:   width 32 to 32, median 32; height 24 to 24, median 24 pixels$' "$images"
expect_data 0 '^formats: 13 JPEG$' "$images"
expect_data 0 '^unreadable: none$' "$images" --check
expect_data 0 '^checked: all 13 images decoded' "$images" --check
expect_data 0 '^classes: none' "$images/one"

# ---- The configuration's limit on pixels is that of the report, as it is that of training: 32 x 24 is 768.
limited=(--config "$presets/tiny.ini" --set)
expect_data 0 '^checked: all 13 images decoded' "$images" --check "${limited[@]}" data.max_pixels=768
expect_data 1 '^unreadable: 13 of 13$' "$images" --check "${limited[@]}" data.max_pixels=767
expect_data 1 "^unreadable: $images/one/0.jpg: 32 x 24 pixels are more than the limit of 767$" "$images" --check \
    "${limited[@]}" data.max_pixels=767
expect_data 1 '^unreadable: 13 of 13$' "$images" "${limited[@]}" data.max_pixels=767
expect_data 1 'did you mean' "$images" --check "${limited[@]}" data.max_pixel=767
# Without a word of it, the default: 13378 x 13378, as this header claims, is just above that.
mkdir "$work/large"
LC_ALL=C sed 's/\xff\xc0\x00\x11\x08\x00\x18\x00\x20/\xff\xc0\x00\x11\x08\x34\x42\x34\x42/' "$images/one/0.jpg" \
    >"$work/large/0.jpg"
for config in "" "--config=$presets/tiny.ini"; do
    # shellcheck disable=SC2086
    expect_data 1 ': 13378 x 13378 pixels are more than the limit of 178956970$' "$work/large" --check $config
done
expect_data 0 '^sizes:   width 13378 to 13378' "$work/large" "${limited[@]}" data.max_pixels=178970884

# ---- The sheet: a PNG
if "$ijepa" data "$images" "${sheet[@]}" 2>&1 | grep -q 'built without libpng'; then
    echo "SKIPPED: sheets: built without libpng"
else
    expect_data 0 'sheet.png: 12 crops of 24 pixels, contexts of .* 6 x 6$' "$images" "${sheet[@]}"
    expect_data 0 'sheet.png: 13 crops' "$images" "${sheet[@]}" --images 100 --set mask.truncate=none
    expect_data 0 'sheet.png: 1 crops of 48 pixels' "$images" "${sheet[@]}" --images=1 --set data.crop_size=48 \
        --set data.use_color_distortion=true --set data.color_jitter_strength=1 --set data.use_gaussian_blur=true
    expect_data 0 'contexts of 20 patches on average and 3 target sets of 4, of 6 x 6$' "$images" "${sheet[@]}" \
        --set mask.sampler=scatter --set mask.target_patches=12 --set mask.context_patches=20 --set mask.num_pred_masks=3
    expect_data 0 '1 target set of [0-9]*, of 6 x 6$' "$images" "${sheet[@]}" --set mask.joint=true
    expect_data 1 'no valid masks exist: context_patches 25' "$images" "${sheet[@]}" --set mask.sampler=scatter \
        --set mask.target_patches=12 --set mask.context_patches=25
    checks=$((checks + 1))
    if [ "$(head -c 4 "$work/sheet.png" | tail -c 3)" != PNG ]; then
        failures=$((failures + 1))
        echo "FAILED: $work/sheet.png is no PNG"
    fi
    expect_data 1 'cannot write /nonexistent/sheet.png: No such file' "$images" --sheet /nonexistent/sheet.png \
        --config "$presets/tiny.ini"
fi

# ---- What cannot be read is named, once, with a reason; only --check finds pixels that are missing.
echo "no image at all" >"$images/one/bad.jpg"
: >"$images/one/empty.jpg"
head -c 350 "$images/one/0.jpg" >"$images/two/cut.jpg"
{ head -c 350 "$images/one/0.jpg" && printf '\377\331'; } >"$images/two/short.jpg" # with an end where none belongs
cp "$images/one/0.jpg" "$images/two/new
line.jpg"
mv "$images/two/0.jpg" "$images/two/a JPEG.png"
expect_data 1 "^unreadable: $images/one/bad.jpg: " "$images"
expect_data 1 "^unreadable: $images/one/empty.jpg: " "$images"
expect_data 1 "^unreadable: $images/two/cut.jpg: " "$images"
expect_data 1 '^unreadable: 3 of 18$' "$images"
expect_data 1 "^unreadable: $images/two/short.jpg: " "$images" --check
expect_data 1 '^unreadable: 4 of 18$' "$images" --check
expect_data 1 '^formats: 14 JPEG$' "$images" --check
expect_data 1 'ijepa: 4 images cannot be read' "$images" --check
echo "no image at all" >"$images/two/worse
line.jpg"
expect_data 1 '^unreadable: .*/worse\\x0aline.jpg: ' "$images"

echo "$checks checks, $failures failed"
[ "$failures" -eq 0 ]

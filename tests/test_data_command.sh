#!/usr/bin/env bash
# Drives `ijepa data` as a person would: help, wrong usage, the report on good and on broken folders, --check, --sheet.
#   test_data_command.sh IJEPA PRESETS
set -u
ijepa=$1
presets=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0 checks=0

# expect STATUS PATTERN ARGUMENT...: `ijepa data ARGUMENT...` ends with that status and its output holds the pattern.
expect() {
    local status=$1 pattern=$2 got
    shift 2
    checks=$((checks + 1))
    "$ijepa" data "$@" >"$work/out" 2>"$work/err"
    got=$?
    if [ $got -eq "$status" ] && cat "$work/out" "$work/err" | grep -qe "$pattern" &&
        { [ "$status" -eq 0 ] || grep -q '^ijepa: ' "$work/err"; }; then
        return
    fi
    failures=$((failures + 1))
    echo "FAILED: ijepa data $*: exit status $got, expected $status and \"$pattern\" in:"
    cat "$work/out" "$work/err" | head -20 | sed 's/^/    /'
}

# ---- Thirteen JPEGs of 32 x 24 pixels in two class folders
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
for i in 0 1 2 3 4 5 6; do cp "$images/one/0.jpg" "$images/two/$i.jpg"; done
sheet=(--sheet "$work/sheet.png" --config "$presets/tiny.ini")

# ---- Help and usage
expect 0 'Usage: ijepa data PATH' --help
expect 2 'Name a folder'
expect 2 'unknown option --chekc' "$images" --chekc
expect 2 'one data set at a time' "$images" "$images"
expect 2 'a file must follow --sheet' "$images" --sheet
expect 2 'needs --config' "$images" --sheet "$work/x.png"
expect 2 '--set needs --config' "$images" --check --set data.max_pixels=100
expect 2 'an INI file must follow' "$images" --sheet "$work/x.png" --config
expect 2 'a number from 1 to 400' "$images" "${sheet[@]}" --images 0
expect 2 'a number from 1 to 400' "$images" "${sheet[@]}" --images=many
expect 1 "$work/nowhere" "$work/nowhere"
expect 1 'did you mean' "$images" "${sheet[@]}" --set data.crop_sise=3
mkdir "$work/empty"
expect 1 "$work/empty" "$work/empty"

# ---- The report
expect 0 '^images:  13 in ' "$images"
expect 0 '^classes: 2, of 6 images (one) to 7 (two)$' "$images"
expect 0 '^looked:  at the headers of all images$' "$images"
expect 0 '^sizes:   width 32 to 32, median 32; height 24 to 24, median 24 pixels$' "$images"
expect 0 '^formats: 13 JPEG$' "$images"
expect 0 '^unreadable: none$' "$images" --check
expect 0 '^checked: all 13 images decoded' "$images" --check
expect 0 '^classes: none' "$images/one"

# ---- The configuration's limit on pixels is that of the report, as it is that of training: 32 x 24 is 768.
limited=(--config "$presets/tiny.ini" --set)
expect 0 '^checked: all 13 images decoded' "$images" --check "${limited[@]}" data.max_pixels=768
expect 1 '^unreadable: 13 of 13$' "$images" --check "${limited[@]}" data.max_pixels=767
expect 1 "^unreadable: $images/one/0.jpg: 32 x 24 pixels are more than the limit of 767$" "$images" --check \
    "${limited[@]}" data.max_pixels=767
expect 1 '^unreadable: 13 of 13$' "$images" "${limited[@]}" data.max_pixels=767
expect 1 'did you mean' "$images" --check "${limited[@]}" data.max_pixel=767
# Without a word of it, the default: 13378 x 13378, as this header claims, is just above that.
mkdir "$work/large"
LC_ALL=C sed 's/\xff\xc0\x00\x11\x08\x00\x18\x00\x20/\xff\xc0\x00\x11\x08\x34\x42\x34\x42/' "$images/one/0.jpg" \
    >"$work/large/0.jpg"
for config in "" "--config=$presets/tiny.ini"; do
    # shellcheck disable=SC2086
    expect 1 ': 13378 x 13378 pixels are more than the limit of 178956970$' "$work/large" --check $config
done
expect 0 '^sizes:   width 13378 to 13378' "$work/large" "${limited[@]}" data.max_pixels=178970884

# ---- The sheet: a PNG
if "$ijepa" data "$images" "${sheet[@]}" 2>&1 | grep -q 'built without libpng'; then
    echo "SKIPPED: sheets (built without libpng)"
else
    expect 0 'sheet.png: 12 crops of 24 pixels, contexts of .* 6 x 6$' "$images" "${sheet[@]}"
    expect 0 'sheet.png: 13 crops' "$images" "${sheet[@]}" --images 100 --set mask.truncate=none
    expect 0 'sheet.png: 1 crops of 48 pixels' "$images" "${sheet[@]}" --images=1 --set data.crop_size=48 \
        --set data.use_color_distortion=true --set data.color_jitter_strength=1 --set data.use_gaussian_blur=true
    checks=$((checks + 1))
    if [ "$(head -c 4 "$work/sheet.png" | tail -c 3)" != PNG ]; then
        failures=$((failures + 1))
        echo "FAILED: $work/sheet.png is no PNG"
    fi
    expect 1 'cannot write /nonexistent/sheet.png: No such file' "$images" --sheet /nonexistent/sheet.png \
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
expect 1 "^unreadable: $images/one/bad.jpg: " "$images"
expect 1 "^unreadable: $images/one/empty.jpg: " "$images"
expect 1 "^unreadable: $images/two/cut.jpg: " "$images"
expect 1 '^unreadable: 3 of 18$' "$images"
expect 1 "^unreadable: $images/two/short.jpg: " "$images" --check
expect 1 '^unreadable: 4 of 18$' "$images" --check
expect 1 '^formats: 14 JPEG$' "$images" --check
expect 1 'ijepa: 4 images cannot be read' "$images" --check
echo "no image at all" >"$images/two/worse
line.jpg"
expect 1 '^unreadable: .*/worse\\x0aline.jpg: ' "$images"

echo "$checks checks, $failures failed"
[ "$failures" -eq 0 ]

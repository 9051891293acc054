#!/usr/bin/env bash
# `ijepa embed` and `ijepa search`, as a person would use them: the files they write, and their answers to bad input.
#   test_features.sh IJEPA PRESETS TESTS
# shellcheck source=tests/drive_ijepa.sh
. "$(dirname "$0")/drive_ijepa.sh"
models=$3/model_files
model=$models/official.pth.tar # 8 x 8 pixels in patches of 2, width 16, 2 blocks
f=$work/f.npy

# ---- Help and usage: no device is needed
expect 0 'Usage: ijepa embed' embed --help
expect 0 'Usage: ijepa search' search --help
expect 0 'ijepa embed' --help
expect 0 'ijepa search' --help
expect 2 'which model' embed
expect 2 'which images' embed "$model"
expect 2 'where to' embed "$model" "$images"
expect 2 'not also c' embed a b c --out "$f"
expect 2 'unknown option --fast' embed a b --fast
expect 2 'ends in .npy' embed a b --out "$work/f.csv"
expect 2 'file must follow' embed a b --out
expect 2 'target or context must follow --encoder, not both' embed a b --out "$f" --encoder both
expect 2 'mean, 2x2 or none must follow --pool, not max' embed a b --out "$f" --pool max
expect 2 'shorter, squash or none must follow --resize, not nothing' embed a b --out "$f" --resize
expect 2 'compute or interpolate must follow --positions, not nearest' embed a b --out "$f" --positions=nearest
for option in layers crop batch; do
    for value in 0 -1 x 2x 1e9 ''; do
        expect 2 "a number from 1 to 1000000 must follow --$option" embed a b --out "$f" "--$option=$value"
    done
done
expect 2 'where? Name a file' search
expect 2 'which image' search "$f"
expect 2 'not also c' search a b c
expect 2 'number from 1 to 1000' search a b --top 0
expect 2 'fewer than 400' search a b --top 400 --sheet "$work/sheet.png"
expect 1 'is neither a safetensors file' embed "$presets/tiny.ini" "$images" --out "$f"
expect 1 'cannot open' embed "$work/no.safetensors" "$images" --out "$f"
expect 1 'cannot open the data set' embed "$model" "$work/nowhere" --out "$f"
expect 1 'cannot create' embed "$model" "$images" --out "$work/nowhere/f.npy"
expect 1 'cannot open' search "$f" 0
expect 1 'is no .npy file' search "$model" 0
check 'files after failures' "$(find "$work" -maxdepth 1 -name 'f.*')" ''

if ! "$ijepa" devices >/dev/null 2>&1; then
    [ "$failures" -eq 0 ] || exit 1
    echo 'SKIPPED: there is no OpenCL device to embed images with'
    exit 77
fi

# ---- Photographs: two classes, one with a name that a table has to quote; one file that is no image
photos=$work/photos
odd='a, "b"'
mkdir -p "$photos/birds" "$photos/$odd"
cp "$3"/golden/crops/n02*.JPEG "$photos/birds"
cp "$3"/golden/crops/n0[37]*.JPEG "$photos/$odd"
echo 'no image' >"$photos/birds/zzz.jpg"
bird=$photos/birds/n02037110_oystercatcher.JPEG
cd "$work" || exit 1 # paths in tables are as they were given

# shape FILE: an array's shape, as NumPy reads it where it is there; else from its header
shape() {
    if python3 -c 'import numpy' 2>/dev/null; then
        python3 -c 'import numpy, sys; a = numpy.load(sys.argv[1]); assert a.dtype == "float32" and numpy.isfinite(a).all()
print(*a.shape)' "$1"
    else
        head -c 256 "$1" | tail -c +11 | tr -d '\n' | sed "s/^{'descr': '[<>]f4', 'fortran_order': False, 'shape': (\(.*\)), } *$/\1/; s/, / /g"
    fi
}
# floats FILE FIRST COUNT: values from row-major place FIRST on
floats() {
    od -An -v -t f4 -w4 -j $((256 + 4 * $2)) -N $((4 * $3)) "$1"
}

expect 0 'left out: photos/birds/zzz.jpg: neither JPEG nor PNG' embed "$model" photos --out f.npy
check 'summary' "$(grep -c 'written: f.npy, 5 images of 16 floats; 1 left out' out)" 1
check 'shape' "$(shape f.npy)" '5 16'
check 'bytes' "$(stat -c %s f.npy)" $((256 + 5 * 16 * 4))
check 'the table' "$(cat f.csv)" "path,label
\"photos/a, \"\"b\"\"/n03240683_drilling_platform.JPEG\",\"a, \"\"b\"\"\"
\"photos/a, \"\"b\"\"/n03804744_nail.JPEG\",\"a, \"\"b\"\"\"
\"photos/a, \"\"b\"\"/n07684084_French_loaf.JPEG\",\"a, \"\"b\"\"\"
photos/birds/n02037110_oystercatcher.JPEG,birds
photos/birds/n02666196_abacus.JPEG,birds"
check 'what made them' "$(grep -c "\"model\":.\"$model\"\|\"encoder\":.\"target\"\|\"resize\":.\"shorter\"" f.json)" 3
check 'nothing else is left' "$(find . -maxdepth 1 -name 'f.*' | sort | tr '\n' ' ')" './f.csv ./f.json ./f.npy '
check 'rows of different images' "$(floats f.npy 0 80 | sort -u | awk 'END { print (NR > 70) }')" 1

# ---- Each way to pool, layers, sizes
expect 0 'f2.npy, 5 images of 128 floats' embed "$model" photos --out f2.npy --layers 2 --pool 2x2
check 'shape of quadrants' "$(shape f2.npy)" '5 128'
expect 0 'of 256 floats' embed "$model" photos --out f3.npy --pool none
check 'shape of tokens' "$(shape f3.npy)" '5 16 16'
expect 0 'f4.npy, 5 images of 32 floats' embed "$model" photos --out f4.npy --layers 2 --batch 2
check 'the last layer comes last' "$(floats f4.npy 48 16)" "$(floats f.npy 16 16)"
expect 0 'images of 12 x 12' embed "$model" photos --out f5.npy --crop 12 --positions interpolate --pool none \
    --resize squash
check 'shape at another size' "$(shape f5.npy)" '5 36 16'
expect 0 'context encoder' embed "$model" photos --out f6.npy --encoder context
check 'encoders differ' "$(cmp -s f.npy f6.npy; echo $?)" 1
expect 0 'has no target encoder: its context encoder is used' embed "$models/own.safetensors" photos --out f6.npy
expect 1 'table of its own' embed "$models/hf" photos --out f7.npy --crop 12
expect 0 'written' embed "$models/hf" photos --out f6.npy --crop 12 --positions interpolate
expect 1 'not a multiple of patch_size' embed "$model" photos --out f7.npy --crop 9
expect 1 'the encoder has 2' embed "$model" photos --out f7.npy --layers 3
expect 1 'pixels, not 8 x 8' embed "$model" photos --out f7.npy --resize none
expect 1 'device' embed "$model" photos --out f7.npy --device 'no such device'
mkdir none
echo 'no image' >none/a.jpg
expect 1 'none of the 1 images can be read' embed "$model" none --out f7.npy
check 'files after failures' "$(find . -maxdepth 1 -name 'f7.*')" ''
before=$(cksum f.npy f.csv f.json)
expect 1 'the encoder has 2' embed "$model" photos --out f.npy --layers 3
check 'what was there before a failure' "$(cksum f.npy f.csv f.json)" "$before"
large=(--crop 64 --positions interpolate --pool none) # 320 KiB
expect 0 'written' embed "$model" photos --out f6.npy "${large[@]}" # compiles what the next one would keep on disk
(
    ulimit -f 200 # blocks of a kilobyte stand in for a full disk
    trap '' XFSZ
    "$ijepa" embed "$model" photos --out f7.npy "${large[@]}" >out 2>err
    echo $? >>err
)
check 'a full disk' "$(tail -1 err) $(grep -c 'cannot write' err)" '1 1'
check 'files after a full disk' "$(find . -maxdepth 1 -name 'f7.*')" ''

# ---- A signal ends it between batches
yes "$bird" | head -n 300000 >many.txt
"$ijepa" embed "$model" many.txt --out f7.npy >begun 2>err & # a name that nothing else has: it must not be an old one
for _ in $(seq 600); do # until it is at work
    if grep -qs '^device' begun || ! kill -0 $! 2>/dev/null; then break; fi
    sleep 0.1
done
kill -INT $!
wait $!
check 'exit status after SIGINT' $? 130
check 'a message' "$(grep -c 'nothing is written' err)" 1
check 'files after SIGINT' "$(find . -maxdepth 1 -name 'f7.*')" ''

# ---- Search: by row, by path, by an image that is not among them
expect 0 '	photos/birds' search f.npy 0
check 'all others' "$(wc -l <out)" 4
check 'without itself' "$(cut -f 2 out | sort | tr '\n' ' ')" '1 2 3 4 '
check 'the nearest first' "$(cut -f 1 out)" "$(cut -f 1 out | sort -rg)"
cp out by_row
expect 0 '.' search f.npy 'photos/a, "b"/n03240683_drilling_platform.JPEG'
check 'a path is its row' "$(cat out)" "$(cat by_row)"
expect 0 '.' search f.npy "$bird" --top 2
check 'an image finds itself' "$(head -1 out | cut -f 2-)" '3	photos/birds/n02037110_oystercatcher.JPEG	birds'
check 'with cosine 1' "$(head -1 out | cut -c 1-5)" 1.000
check 'top' "$(wc -l <out)" 2
check 'as a program for tables would compute it' "$(cut -f 1 by_row)" "$(
    cut -f 2 by_row | while read -r row; do
        paste <(floats f.npy 0 16) <(floats f.npy $((16 * row)) 16) |
            awk '{ ab += $1 * $2; aa += $1 * $1; bb += $2 * $2 } END { printf "%.6f\n", ab / sqrt(aa * bb) }'
    done
)"
expect 0 '.' search f3.npy 1 --top 1
expect 1 'there is no row 5: the last is 4' search f.npy 5
expect 1 'there is no row 99999999999999999999' search f.npy 99999999999999999999
expect 1 'neither a row nor an image' search f.npy photos/nothing.jpg
expect 1 'none of the 1 images can be read' search f.npy photos/birds/zzz.jpg

if "$ijepa" data "$photos" --sheet t.png --config "$presets/tiny.ini" --images 1 2>&1 | grep -q 'built without libpng'; then
    echo 'SKIPPED: no libpng: sheets are not drawn'
else
    expect 0 '.' search f.npy 0 --top 3 --sheet sheet.png
    check 'a picture' "$(head -c 8 sheet.png | od -An -tx1)" ' 89 50 4e 47 0d 0a 1a 0a'
    (cd / && "$ijepa" search "$work/f.npy" 0 --top 3 --sheet "$work/elsewhere.png" >/dev/null 2>"$work/err")
    check 'the same picture from elsewhere' "$(cat err; cmp sheet.png elsewhere.png)" ''
    expect 0 '.' search f.npy "$bird" --top 3 --sheet sheet2.png
    expect 1 'cannot write' search f.npy 0 --sheet nowhere/sheet.png
    mv photos/birds/n02666196_abacus.JPEG gone
    expect 0 'no longer there: .*abacus' search f.npy 0 --sheet sheet3.png
    mv gone photos/birds/n02666196_abacus.JPEG
fi

# ---- What belongs together, and no longer does
cp f.npy g.npy
expect 1 'g.csv: cannot open' search g.npy 0
head -4 f.csv >g.csv
expect 1 'do not belong together' search g.npy 0
printf 'path,label\n"a' >g.csv
expect 1 'quoted field does not end' search g.npy 0
echo '1,2' >g.csv
expect 1 'first line is not path,label' search g.npy 0
cp f.csv g.csv
expect 0 '.' search g.npy 0
expect 1 'g.json: cannot open' search g.npy "$bird"
echo '{"model": 1}' >g.json
expect 1 'it has no text "model"' search g.npy "$bird"
sed "s|$model|$work/moved|" f.json >g.json
expect 1 'moved: cannot open' search g.npy "$bird"
expect 0 '.' search g.npy "$bird" --model "$model"
sed 's/"mean"/"2x2"/' f.json >g.json
expect 1 'makes 64 floats of an image, and g.npy has rows of 16' search g.npy "$bird"
head -c 300 f.npy >g.npy
expect 1 'cut off' search g.npy 0
head -c 100 f.npy >g.npy
expect 1 'cut off' search g.npy 0
printf '\223NUMPY\001\000\006\000{}   \n' >g.npy
expect 1 'header is none of an array' search g.npy 0
sed 's/f4/f8/' f.npy >g.npy
expect 1 'not float32' search g.npy 0
sed 's/False/True /' f.npy >g.npy
expect 1 'by columns' search g.npy 0
sed 's/(5, 16)/(0, 16)/' f.npy >g.npy
expect 1 'header is none of an array' search g.npy 0
{ head -c 256 f.npy && head -c 320 /dev/zero; } >g.npy
expect 1 'all zero' search g.npy 0

echo "$checks checks, $failures failed"
[ "$failures" -eq 0 ]

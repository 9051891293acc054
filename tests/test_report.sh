#!/usr/bin/env bash
# `ijepa report` on a run, on one that is going on, on one that has not got far, and on folders that hold none.
#   test_report.sh IJEPA PRESETS
# shellcheck source=tests/drive_ijepa.sh
. "$(dirname "$0")/drive_ijepa.sh"
here=$(dirname "$0")
page=$work/page.html run=$work/run

# ---- Usage, and folders without a run: no device is needed
expect 0 'Usage: ijepa report' report --help
expect 0 'ijepa report' --help
expect 2 'which run' report --out "$page"
expect 2 'where to' report "$run"
expect 2 'a value must follow --out' report "$run" --out
expect 2 'not also b' report a b --out "$page"
expect 2 'unknown option --fast' report a --out "$page" --fast
expect 2 'number from 2' report a --out "$page" --limit 1
expect 2 'ROW,COLUMN' report a --out "$page" --patch 3
expect 1 'cannot read the run folder' report "$work/nothing" --out "$page"
expect 1 'there is no run in' report "$images" --out "$page"
expect 1 'holds no run "other"' report "$images" --out "$page" --tag other
check "pages of failures" "$(find "$work" -name "*page*")" ""

if ! "$ijepa" devices >"$work/out" 2>&1 && grep -q 'no OpenCL device found' "$work/out"; then
    echo "SKIPPED: there is no OpenCL device here"
    exit 77
fi
if ! command -v python3 >/dev/null; then
    echo "SKIPPED: there is no python3 to judge the pages"
    exit 77
fi

judge() { # judge NAME TEXT...: the page is a good one and holds these
    local name=$1 got
    shift
    checks=$((checks + 1))
    got=$(python3 "$here/judge_html.py" "$page" "$@") || fail "$name" "$got"
    counts=$(tail -n 1 <<<"$got")
}

# ---- A run that is done
expect 0 'done: ' train "${tiny[@]}" --set optimization.epochs=2
before=$(cd "$run" && ls -A && cksum ./*)
expect 0 "report: $page" report "$run" --out "$page"
judge "a run" 'jepa' '6 steps' '2 epoch' 'loss' 'target_std' 'throughput' 'learning rate' 'What it sees' \
    'Where a patch looks' 'each head' 'What it takes for alike' 'What it learns from' 'Not measured' '[optimization]' \
    'pred_emb_dim' 'jepa-step00000006.safetensors' 'the same class'
check "charts and pictures of a run" "$counts" "$(grep -q libpng "$page" && echo '0 pictures' || echo '83 pictures'), 9 charts"
check "the run's folder" "$(cd "$run" && ls -A && cksum ./*)" "$before"
checks=$((checks + 1))
grep -q 'is going on' "$page" && fail "a run that is done" "is said to be going on"
expect 0 report: report "$run" --out "$page" --patch 6,1 --limit 4
judge "a patch of one's choice" 'patch in row 6, column 1' 'among 3'
expect 1 '6 x 6 patches' report "$run" --out "$page" --patch 7,1
expect 1 'cannot create\|cannot write' report "$run" --out "$work/nowhere/page.html"
expect 1 'cannot create\|cannot write\|cannot rename\|directory' report "$run" --out "$images"
judge "the page after a failure" 'patch in row 6, column 1'

# ---- A log of many steps, with columns that this version does not know; the last line is being written
cp -r "$run" "$work/long"
awk 'BEGIN { print "epoch,itr,loss,new_one,time (ms),effective_rank,knn,images_per_second"
    for (i = 0; i < 50000; i++) printf "%d,%d,%.6f,%d,5.000,%s,%s,800.0\n", i / 5000 + 1, i % 5000, 1 / (1 + i / 1000),
        i % 7, i % 5000 ? "" : i / 1000, i % 5000 ? "" : i / 100000
    printf "10,50" }' >"$work/long/jepa_r0.csv"
expect 0 report: report "$work/long" --out "$page"
judge "a long run" 'new_one' 'effective rank' 'k-NN' '45.0 %' '4:10'
checks=$((checks + 1))
[ "$(wc -c <"$page")" -lt 1000000 ] || fail "a long run" "its page has $(wc -c <"$page") bytes"

# ---- Where a step's time goes
cat >"$run/jepa-profile.json" <<'JSON'
{"otherData": {"idle_percent": "1.25"}, "traceEvents": [
{"ph": "M", "pid": 1, "tid": 1, "name": "thread_name", "args": {"name": "compute"}},
{"ph": "X", "pid": 1, "tid": 1, "name": "gemm <a>", "ts": 0, "dur": 3000.0},
{"ph": "X", "pid": 1, "tid": 1, "name": "norm", "ts": 1, "dur": 1000.0},
{"ph": "X", "pid": 2, "tid": 1, "name": "the host's", "ts": 1, "dur": 1000.0}]}
JSON
expect 0 report: report "$run" --out "$page"
judge "a profile" 'gemm <a> 75.0 %' 'norm 25.0 %' '4.0 ms' 'for 1.2 %'
echo '{}' >"$work/empty"
expect 1 'no commands of a device' report "$run" --out "$page" --profile "$work/empty"
echo 'not JSON' >"$work/text"
expect 1 'is no JSON' report "$run" --out "$page" --profile "$work/text"
expect 1 'cannot read' report "$run" --out "$page" --profile "$work/nothing"

# ---- Without images, without a checkpoint, with a damaged one, without a configuration
mv "$images" "$work/elsewhere"
expect 0 report: report "$run" --out "$page"
judge "no images" "The run's images are not there" 'throughput'
expect 0 report: report "$run" --out "$page" --images "$work/elsewhere"
judge "images elsewhere" 'What it takes for alike'
expect 1 'nowhere' report "$run" --out "$page" --images "$work/nowhere"
mv "$work/elsewhere" "$images"
head -c 5000 "$run/jepa-step00000006.safetensors" >"$work/cut" && cp "$work/cut" "$run/jepa-step00000006.safetensors"
expect 0 report: report "$run" --out "$page"
judge "a damaged checkpoint" 'jepa-step00000003.safetensors'
rm "$run"/*.safetensors
expect 0 report: report "$run" --out "$page"
judge "no checkpoint" 'There is no whole checkpoint yet' 'throughput' 'What it learns from'
rm "$run/jepa-config.ini"
expect 0 report: report "$run" --out "$page"
judge "no configuration" 'It is not known' 'throughput'
head -1 "$run/jepa_r0.csv" >"$work/header" && cp "$work/header" "$run/jepa_r0.csv"
expect 0 report: report "$run" --out "$page"
judge "no step" 'No step has been logged yet'
: >"$run/jepa_r0.csv"
expect 1 'no line that names its columns' report "$run" --out "$page"
cp "$work/header" "$run/other_r0.csv"
expect 1 'more than one run' report "$run" --out "$page"
expect 0 report: report "$run" --out "$page" --tag other

# ---- A run that is going on
"$ijepa" train "${tiny[@]}" --set "logging.folder=$work/going" --set optimization.epochs=100000 --quiet &
trainer=$!
for _ in $(seq 300); do
    [ -e "$work/going/jepa-latest.safetensors" ] && break
    sleep 0.2
done
expect 0 report: report "$work/going" --out "$page"
judge "a run that is going on" 'the run is going on' 'What it takes for alike'
kill -INT $trainer
wait $trainer
check "the run that was looked at" $? 130

echo "$checks checks, $failures failed"
[ "$failures" -eq 0 ]

#!/usr/bin/env bash
# tools/experiment as a person would drive it, on drawn shapes and tiny models: its tables, going on after a kill, and what
# it says of tables that cannot be.
#   test_experiment.sh IJEPA PRESETS MAKE_SHAPES EXPERIMENT
# shellcheck source=tests/drive_ijepa.sh
. "$(dirname "$0")/drive_ijepa.sh"
experiment=$4
export IJEPA_CACHE=$work/cache
if ! "$ijepa" devices >"$work/out" 2>&1 && grep -q 'no OpenCL device found' "$work/out"; then
    echo "SKIPPED: there is no OpenCL device here"
    exit 77
fi
"$3" "$work/shapes" --train 90 --test 60 --size 24 >"$work/out" || fail make_shapes "$(cat "$work/out")"
for part in train test; do # classes: where the red disc is
    awk -F, 'NR == 1 { print "path,label"; next } { print $1 "," ($4 < 0.5 ? "left" : "right") }' \
        "$work/shapes/$part.csv" >"$work/shapes/$part-sides.csv"
done
sides=$work/shapes/train-sides.csv

# run STATUS PATTERN OPTION...: the experiment of the table on standard input.
run() {
    local status=$1 pattern=$2 got=0
    shift 2
    cat >"$work/table"
    checks=$((checks + 1))
    "$experiment" "$work/table" --ijepa "$ijepa" --base "$presets/tiny.ini" --data "$sides" "$@" >"$work/out" 2>"$work/err" || got=$?
    [ "$got" -eq "$status" ] && cat "$work/out" "$work/err" | grep -q -- "$pattern" ||
        fail "experiment $*" "exit status $got, expected $status and $pattern" "$(cat "$work/out" "$work/err")"
}
table='plain meta.depth=4  # last four
quick meta.depth=4 optimization.lr=2e-3'

# ---- Tables: two runs of two seeds, four kinds of features and two heads; a random start and pixels for all
run 0 '^| quick | .* ± ' --out "$work/all" --images 40 <<<"$table"
check 'lines of results.csv' "$(wc -l <"$work/all/results.csv")" $((1 + 2 * 2 * 4 * 2 + 4 * 2 + 2))
check 'runs of the table' "$(tail -n +2 "$work/all/results.csv" | cut -d, -f1-4 | sort -u | tr '\n' ' ')" \
    'plain,0,0,0 plain,0,10,40 plain,1,10,40 quick,0,10,40 quick,1,10,40 '
check 'lines of the table' "$(grep -c '^| \(plain\|quick\|random start of plain\|raw pixels\) ' "$work/all/results.md")" 8
check 'the steps that were taken' "$(tail -n 1 "$work/all/quick-s1/jepa_r0.csv" | cut -d, -f3 | grep -c .)" 1
cp "$work/all/results.csv" "$work/before"
run 0 'quick, seed 1: done before' --out "$work/all" --images 40 <<<"$table"
check 'the same again' "$(cmp "$work/before" "$work/all/results.csv" 2>&1)" ''
run 1 'plain-s0 holds another run' --out "$work/all" --images 80 <<<"$table"
run 1 'plain-s0 holds another run' --out "$work/all" --images 40 <<<'plain meta.depth=3'

# ---- Killed in the middle of a run: what was done stays, the rest follows, and is as if nothing had been
"$experiment" "$work/table" --ijepa "$ijepa" --base "$presets/tiny.ini" --data "$sides" --out "$work/cut" --images 40 \
    --seeds 0 --no-baselines >/dev/null 2>&1 || fail 'the table of one' ''
rm -r "$work/cut"
printf '%s\n' "$table" >"$work/table"
setsid "$experiment" "$work/table" --ijepa "$ijepa" --base "$presets/tiny.ini" --data "$sides" --out "$work/cut" --images 40 \
    --no-baselines >"$work/out" 2>&1 &
process=$!
for _ in $(seq 600); do
    [ -e "$work/cut/plain-s1/asked" ] && break
    sleep 0.1
done
kill -KILL -- "-$process"
wait $process 2>/dev/null
run 0 'plain, seed 0: done before' --out "$work/cut" --images 40 --no-baselines <<<"$table"
check 'results after a kill' "$(cut -d, -f1-4,6- "$work/cut/results.csv" | cksum)" \
    "$(grep -v '^plain,0,0,0' "$work/before" | cut -d, -f1-4,6- | cksum)"

# ---- By time: as many steps as fit; only the results are kept
run 0 '^| base | ' --out "$work/timed" --minutes 0.01 --seeds 0 --heads ridge --test "$work/shapes/test-sides.csv" \
    --limit 20 --keep none <<<'base'
check 'steps by time' "$(cut -d, -f3 "$work/timed/results.csv" | tail -n +2 | head -n 1 | grep -c '^[1-9]')" 1
check 'steps and start-up are known' "$(awk '{ print NF, ($2 >= 0) }' "$work/timed/base-s0/steps")" '2 1'
check 'nothing is kept' "$(find "$work/timed" -name '*.safetensors' | wc -l)" 0
check 'the time that was spent' "$(awk -F, 'NR == 2 { print ($5 > 0) }' "$work/timed/results.csv")" 1

# ---- What cannot be is said before anything is trained
run 1 'two lines are named a' --out "$work/bad" --images 4 <<<$'a\na optimization.lr=1'
run 1 '"lr=1" is not section.key=value' --out "$work/bad" --images 4 <<<'a lr=1'
run 1 'no key no_such' --out "$work/bad" --images 4 <<<'a optimization.no_such=1'
run 1 '"a/b" is no name' --out "$work/bad" --images 4 <<<'a/b optimization.lr=1'
run 1 'names no configuration' --out "$work/bad" --images 4 <<<'# nothing'
run 2 'Usage' --out "$work/bad" <<<a
run 2 'Usage' --out "$work/bad" --images 4 --minutes 1 <<<a
run 1 'there is no ' --out "$work/bad" --images 4 --ijepa "$work/none" <<<a
check 'nothing was trained' "$(find "$work/bad" -name '*.csv' 2>/dev/null | wc -l)" 0

echo "$checks checks, $failures failed"
[ "$failures" -eq 0 ]

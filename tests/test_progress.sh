#!/usr/bin/env bash
# Progress on a terminal of 80 and of 20 columns, with and without colours; --quiet and --log-level. The terminal is that
# of script(1).
#   test_progress.sh IJEPA PRESETS
# shellcheck source=tests/drive_ijepa.sh
. "$(dirname "$0")/drive_ijepa.sh"

expect 2 'error, warning or info' train "${tiny[@]}" --log-level loud
expect 2 'error, warning or info' train "${tiny[@]}" --log-level
if ! "$ijepa" devices >"$work/out" 2>&1 && grep -q 'no OpenCL device found' "$work/out"; then
    echo "SKIPPED: there is no OpenCL device here"
    exit 77
fi

# ---- Elsewhere: plain lines, or none
expect 0 '^epoch 1/1  iteration 3/3  loss 0\.[0-9]*' train "${tiny[@]}"
checks=$((checks + 1))
grep -q $'\x1b\|\r' "$work/out" && fail "plain lines" "hold terminal codes"
echo 'no image' >"$images/one/bad.jpg"
expect 0 'skipping the image' train "${tiny[@]}" --set data.max_bad_share=0.5 --set optimization.epochs=4 --quiet
check "what --quiet leaves on stdout" "$(cat "$work/out")" ""
check "what --log-level error leaves" \
    "$("$ijepa" train "${tiny[@]}" --set data.max_bad_share=0.5 --set optimization.epochs=4 --log-level error 2>&1) $?" " 0"
expect 1 'bad.jpg' train "${tiny[@]}" --set data.max_bad_share=0 --set optimization.epochs=4 --log-level error
rm "$images/one/bad.jpg"

# ---- On a terminal
if ! script -qec true /dev/null </dev/null >/dev/null 2>&1; then
    echo "SKIPPED: there is no script(1) to be the terminal"
    exit 77
fi
on_terminal() { # on_terminal COLUMNS ENVIRONMENT...: the progress lines, one a line
    local columns=$1
    shift
    script -qec "stty cols $columns; env TERM=xterm $* $(printf '%q ' "$ijepa" train "${tiny[@]}") 2>&1" /dev/null \
        </dev/null | tr '\r' '\n' | grep -a 'K$' | grep -a '[0-9]'
}
widest() {
    sed 's/\x1b\[[0-9]*[mK]//g' | awk '{ if (length > most) most = length } END { print most + 0 }'
}
for columns in 80 20; do
    checks=$((checks + 3))
    on_terminal $columns A=b >"$work/lines"
    got=$(widest <"$work/lines")
    [ "$got" -gt 5 ] && [ "$got" -lt $columns ] || fail "$columns columns" "$got are taken" "$(cat -v "$work/lines")"
    grep -qa $'\x1b\\[1m' "$work/lines" || fail "$columns columns" "no colours" "$(cat -v "$work/lines")"
    on_terminal $columns NO_COLOR=1 >"$work/lines"
    grep -qa $'\x1b\\[[0-9]*m' "$work/lines" && fail "NO_COLOR" "has colours" "$(cat -v "$work/lines")"
done
checks=$((checks + 2))
on_terminal 200 NO_COLOR=1 >"$work/lines"
grep -qa 'images/s  [0-9]* % of peak' "$work/lines" || fail "share of the peak" "$(cat -v "$work/lines")"
grep -qa '\[=*\.*\]' "$work/lines" || fail "a bar" "$(cat -v "$work/lines")"

echo "$checks checks, $failures failed"
[ "$failures" -eq 0 ]

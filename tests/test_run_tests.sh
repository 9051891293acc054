#!/usr/bin/env bash
# tools/run-tests on tests made here: every way of skipping is in the table with its reason, ctest's lines come last and
# its status is passed on.
#   test_run_tests.sh RUN_TESTS
set -u
run_tests=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

# expect WHAT GOT EXPECTED
expect() {
    [[ $2 == "$3" ]] && return
    failures=$((failures + 1))
    printf 'FAILED: %s\n---- got\n%s\n---- expected\n%s\n' "$1" "$2" "$3"
}
table() { sed -n '/^Skipped, and why:/,/^tests skipped: /p' "$work/out"; }

cat >"$work/CTestTestfile.cmake" <<'CMAKE'
add_test(whole sh -c "echo before; echo 'SKIPPED: no device'; exit 77")
add_test([=[known (skipped: no compiler)]=] sh -c "echo 'SKIPPED: no compiler'; exit 77")
add_test(silent sh -c "exit 77")
add_test(program sh -c "for i in 1 2; do echo '[  SKIPPED ] one'; echo 'SKIPPED: no device'; done; exit 77")
add_test(part sh -c "echo 'SKIPPED: sheets: no libpng'")
add_test(cases sh -c "for i in 1 2; do echo '[  SKIPPED ] one'; echo '[  SKIPPED ] two'; done; echo 'SKIPPED: two: it is root'")
add_test(plain sh -c "echo '1/9 Testing: whole'; echo not SKIPPED: at all")
set_tests_properties(whole [=[known (skipped: no compiler)]=] silent program PROPERTIES SKIP_RETURN_CODE 77)
CMAKE
"$run_tests" "$work" >"$work/out" 2>&1
expect "the status" $? 0
expect "the table" "$(table)" "Skipped, and why:
  whole                    no device
  known                    no compiler
  silent                   gives no reason
  program                  no device
  part                     sheets: no libpng
  cases                    two: it is root
  cases                    one: gives no reason
tests skipped: 4; parts of other tests: 3"
expect "what comes after the table" "$(sed '1,/^tests skipped: /d' "$work/out" | grep -v '^$' | head -n 1)" \
    "100% tests passed, 0 tests failed out of 7"

"$run_tests" "$work" -R plain >"$work/out" 2>&1
expect "nothing skipped" "$(grep 'skipped' "$work/out")" "tests skipped: 0; parts of other tests: 0"

echo 'add_test(wrong sh -c "echo its output; exit 3")' >>"$work/CTestTestfile.cmake"
"$run_tests" "$work" >"$work/out" 2>&1
expect "the status of a failed test" $? 8
expect "a failed test's output" "$(grep -c '^its output' "$work/out")" 1
expect "the table beside a failed test" "$(table | tail -n 1)" "tests skipped: 4; parts of other tests: 3"

"$run_tests" "$work/nowhere" >"$work/out" 2>&1
expect "the status without a build" $? 2

[[ $failures == 0 ]] && echo "run-tests: all good"

#!/usr/bin/env bash
# Every case of checkcl with every variant is run by one of the tests ops-PART, and by one only: nothing is left out
# because it is new or because there are many.
#   test_ops_cases.sh CHECKCL PART...
set -euo pipefail
checkcl=$1
shift
all=$("$checkcl" --list | wc -l)
different=$("$checkcl" --list | sort -u | wc -l)
[ "$all" -gt 0 ] || { echo "FAILED: there are no cases" >&2; exit 1; }
[ "$all" -eq "$different" ] || { echo "FAILED: of $all cases $different have a name of their own" >&2; exit 1; }
sum=0
for part; do
    sum=$((sum + $("$checkcl" --list "$part" | wc -l)))
done
[ "$sum" -eq "$all" ] || { echo "FAILED: the parts ($*) have $sum cases, and there are $all" >&2; exit 1; }
# Each operation runs with each variant, but for CLBlast's, which are of products only.
variants=$("$checkcl" --list | sed 's/.* //' | sort -u | grep -vc clblast)
cases=$("$checkcl" --list | sed 's/ .*//' | sort -u | wc -l)
own=$("$checkcl" --list | grep -vc clblast)
[ "$own" -eq $((variants * cases)) ] || { echo "FAILED: $own jobs of $cases cases in $variants variants" >&2; exit 1; }
echo "$all cases in $# parts"

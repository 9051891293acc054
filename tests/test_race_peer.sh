#!/usr/bin/env bash
# The peer that tools/race runs: a step of it in PyTorch comes to its end and says how fast it was, plain. Its compiled
# form takes minutes to compile and is left out. IJEPA_PYTHON names a Python that has torch; otherwise python3 is tried.
# Skipped (77) without.
#   test_race_peer.sh PEER.py
set -u
python=
for candidate in ${IJEPA_PYTHON:+"$IJEPA_PYTHON"} python3 /usr/bin/python3; do
    "$candidate" -c "import torch" 2>/dev/null && python=$candidate && break
done
if [ -z "$python" ]; then
    echo "SKIPPED: no python3 here can \"import torch\" (Debian: python3-torch; or set IJEPA_PYTHON)"
    exit 77
fi
said=$("$python" "$1" --dim 24 --depth 1 --pdim 24 --pdepth 1 --batch 2 --steps 1 2>&1)
status=$?
echo "$said"
[[ $status == 0 ]] || { echo "FAILED: exit status $status"; exit 1; }
[[ $said =~ step_ms\ [0-9.]+\ images_per_second\ [1-9][0-9.]*\ loss\ [0-9.]+$ ]] ||
    { echo "FAILED: no rate and loss are said"; exit 1; }

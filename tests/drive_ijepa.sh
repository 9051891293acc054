# shellcheck shell=bash
# For tests that drive the program as a person would; sourced with its path and that of the presets as arguments. Gives
# them `expect` and `check`, twelve small images, a configuration for them (`tiny`) and a folder to work in (`work`).
set -u
ijepa=$1
presets=$2
work=$(mktemp -d)
trap 'chmod -R u+rwx "$work"; rm -rf "$work"' EXIT
failures=0 checks=0

fail() {
    failures=$((failures + 1))
    echo "FAILED: $1"
    shift
    printf '%s\n' "$@" | head -20 | sed 's/^/    /'
}

# expect STATUS PATTERN ARGUMENT...: `ijepa ARGUMENT...` ends with that status and its output holds the pattern. Where
# it fails, the first line of its messages begins with "ijepa: ".
expect() {
    local status=$1 pattern=$2 got
    shift 2
    checks=$((checks + 1))
    "${runner[@]}" "$ijepa" "$@" >"$work/out" 2>"$work/err"
    got=$?
    if [ $got -ne "$status" ]; then
        fail "ijepa $*" "exit status $got, expected $status" "$(cat "$work/out" "$work/err")"
    elif ! cat "$work/out" "$work/err" | grep -qe "$pattern"; then
        fail "ijepa $*" "\"$pattern\" is not in:" "$(cat "$work/out" "$work/err")"
    elif [ "$status" -ne 0 ] && [ $# -gt 0 ] && ! head -1 "$work/err" | grep -q '^ijepa: '; then
        fail "ijepa $*" "no message of the form \"ijepa: ...\" in:" "$(cat "$work/err")"
    fi
}
runner=()

check() {
    checks=$((checks + 1))
    [ "$2" = "$3" ] || fail "$1" "$2, expected $3"
}

# ---- A folder of twelve small JPEGs
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
for i in 0 1 2 3 4 5; do cp "$images/one/0.jpg" "$images/two/$i.jpg"; done
tiny=("$presets/tiny.ini" --set "data.root_path=$images" --set "logging.folder=$work/run")

# shellcheck shell=bash
# Completion for ijepa, ijepa-autotune and ijepa-bench in bash. What there is to complete is asked of the programs: their
# --help lists commands, options and an option's words ("--format official", "--from target|context").

# The lines of `PROGRAM [COMMAND] --help`.
_ijepa_help() { "$@" --help 2>/dev/null; }

# The options of a help text: those of its first paragraph, "Usage:", and those that begin a line of a list.
_ijepa_options() {
    awk 'NF == 0 { listed = 1 } !listed || match($0, /^  +--[a-z]/)' <<<"$1" |
        sed -E 's/^(  +--[a-z0-9-]+).*/\1/' | grep -oE -- '--[a-z][a-z0-9-]*' | sort -u
}

# The words that option $2 takes by the help text $1: lower-case ones after it where it begins a line.
_ijepa_values() {
    sed -nE "s/^ +$2 ([a-z0-9][a-z0-9|]*)(  .*)?\$/\1/p" <<<"$1" | tr '|' '\n'
}

# section.key= for all keys; by the text of `ijepa config --help`.
_ijepa_keys() {
    awk '/^\[[a-z]+\]$/ { section = substr($0, 2, length($0) - 2) }
         section && /^  [a-z_0-9]+ = / { print section "." $1 "=" }'
}

# The presets' names, as the program finds them.
_ijepa_presets() {
    local program file
    program=$(readlink -f "$(type -P "$1")") || return
    for file in "${program%/*}"/../share/ijepa-cl/presets/*.ini; do
        [[ -e $file ]] && printf '%s\n' "${file##*/}"
    done
}

_ijepa() {
    local program=$1 word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=() help words=''
    local ijepa=${program%-*} IFS=$' \t\n'
    [[ ${program##*/} == *-* ]] || ijepa=$program
    COMPREPLY=()
    help=$(_ijepa_help "$program")
    if grep -qE "^  ${program##*/} [a-z]" <<<"$help"; then # it has commands
        if ((COMP_CWORD == 1)); then
            words="$(sed -nE "s/^  ${program##*/} ([a-z][a-z0-9-]*) .*/\1/p" <<<"$help") --help"
            [[ $ijepa != "$program" ]] || words+=' --version'
            mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
            return
        fi
        command=("${COMP_WORDS[1]}")
        [[ $ijepa == "$program" ]] && help=$(_ijepa_help "$program" "${command[@]}")
    fi
    local configuration="^(Usage:)? +${program##*/}( ${command[*]})? CONFIG\.ini"
    [[ $before != --config ]] || configuration='--config CONFIG\.ini'
    case $before in
    --set)
        mapfile -t COMPREPLY < <(compgen -W "$(_ijepa_help "$ijepa" config | _ijepa_keys)" -- "$word")
        [[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace 2>/dev/null
        return
        ;;
    --device)
        mapfile -t COMPREPLY < <(compgen -W 'cpu gpu' -- "$word")
        return
        ;;
    --*)
        words=$(_ijepa_values "$help" "$before")
        ;;
    esac
    if [[ -n $words ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
    elif [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_ijepa_options "$help") --help" -- "$word")
    elif [[ $before == --config || $before != --* ]] && grep -qE -- "$configuration" <<<"$help"; then
        mapfile -t COMPREPLY < <(
            compgen -f -X '!*.ini' -- "$word"
            compgen -d -- "$word"
            compgen -W "$(_ijepa_presets "$ijepa")" -- "$word"
        )
        compopt -o filenames 2>/dev/null
    fi # else files, by -o default
}

complete -o default -F _ijepa ijepa ijepa-autotune ijepa-bench

# A program's --help as a manual page. Variables: name, purpose, version, pages (all pages, for SEE ALSO), more (a file
# of roff for what the help does not say; it may be missing).
#
# What it makes of a help text:
#   Usage: ...              SYNOPSIS, up to the first empty line
#   a paragraph             a paragraph; "Options:" at its end begins OPTIONS, "Exit status: ..." is EXIT STATUS
#   "  TERM  what it is"    an entry of a list; lines below that are indented further belong to it
#   "  TERM", then such     the same
#   "  text"                a line by itself
#   [section]               a heading

# Nothing in the text is a request, `commands` are bold, and minus signs are ones that can be copied.
function roff(text,    n, parts, i, result) {
    gsub(/\\/, "\\e", text)
    gsub(/-/, "\\-", text)
    n = split(text, parts, "`")
    for (i = 1; i <= n; i++)
        result = result (i == 1 ? "" : i % 2 ? "\\fR" : "\\fB") parts[i]
    return result ~ /^[.\047]/ ? "\\&" result : result
}

function bold(text) { return "\\fB" roff(text) "\\fR" }
function section(title) { at = title; headed = 1; print ".SH " title }
function indent_of(line) { match(line, /^ */); return RLENGTH }

# Whether the line (without its indent) is a term, two spaces or more, and what it is; RSTART is the term's last place.
function is_pair(line) { return match(line, /[^ ]   *[^ ]/) }

function synopsis(    i, line, used) {
    section("SYNOPSIS")
    for (i = 1; i <= NR && lines[i] !~ /^Usage:/; i++) { }
    for (; i <= NR && (lines[i] != "" || !used); i++) {
        line = lines[i]
        if (sub(/^Usage: */, "", line) && line == "")
            continue
        sub(/^ +/, "", line)
        if (match(line, /^ijepa[a-z-]*( [a-z]+)?/)) {
            if (used++)
                print ".br"
            print bold(substr(line, 1, RLENGTH)) roff(substr(line, RLENGTH + 1))
        } else
            print roff(line)
    }
    return i
}

function margin(line,    options_follow) {
    if (line ~ /^Exit status: /) {
        section("EXIT STATUS")
        print roff(substr(line, 14))
        return
    }
    if (line ~ /^\[[a-z]+\]$/) {
        print ".SS " roff(line)
        return
    }
    if (at == "OPTIONS" && fresh)
        section("NOTES")
    else if (fresh && !headed && line != "Options:")
        print ".PP"
    headed = 0
    options_follow = sub(/ *Options:$/, "", line)
    if (line != "")
        print roff(line)
    if (options_follow)
        section("OPTIONS")
}

function indented(line, below,    indent, text) {
    headed = 0
    indent = indent_of(line)
    line = substr(line, indent + 1)
    if ((indent == 2 || line ~ /^--/) && is_pair(line)) {
        text = substr(line, RSTART + 1)
        sub(/^ +/, "", text)
        print ".TP\n" bold(substr(line, 1, RSTART)) "\n" roff(text)
    } else if (indent == 2 && indent_of(below) > 2)
        print ".TP\n" bold(line)
    else if (indent == 2)
        print ".RS 4\n" roff(line) "\n.br\n.RE"
    else { # belongs to the entry above; a setting's range begins a line
        if (indent < 10 && line ~ /^\(/)
            print ".br"
        print roff(line)
    }
}

{ lines[NR] = $0 }

END {
    printf ".\\\" Made by docs/man/make-pages from what the program says with --help.\n"
    printf ".TH %s 1 \"\" \"ijepa-cl %s\" \"ijepa-cl manual\"\n.ad l\n", toupper(name), version
    section("NAME")
    print roff(name) " \\- " roff(purpose)
    i = synopsis()
    section("DESCRIPTION")
    for (fresh = 1; i <= NR; i++) {
        if (lines[i] == "") {
            fresh = 1
        } else if (indent_of(lines[i]) == 0) {
            margin(lines[i])
            fresh = 0
        } else {
            indented(lines[i], lines[i + 1])
            fresh = 1
        }
    }
    while ((getline line <more) > 0)
        print line
    section("SEE ALSO")
    n = split(pages, all, " ")
    for (i = 1; i <= n; i++)
        if (all[i] != name)
            others[++count] = all[i]
    for (i = 1; i <= count; i++)
        print ".BR " roff(others[i]) " (1)" (i < count ? "," : "")
}

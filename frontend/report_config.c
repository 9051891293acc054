/* Every key of the configuration with its value, folded. */
#include "frontend/html.h"
#include "frontend/report.h"
#include "ini/schema.h"

#include <string.h>

void ij_report_config(const ij_report *r, FILE *out)
{
    char value[IJ_CONFIG_TEXT + 8];
    fputs("<h2>Configuration</h2>\n", out);
    if (!r->config) {
        fputs("<p class=\"soft\">It is not known: there is neither a configuration in the folder nor a checkpoint that "
              "holds one.</p>\n",
              out);
        return;
    }
    const char *numbers = r->checkpoint ? ij_model_file_metadata(r->checkpoint, "numbers") : NULL;
    fputs("<details><summary>All values</summary>\n", out);
    for (int i = 0; i < ij_schema_keys; i++) {
        const ij_key *key = &ij_schema[i];
        if (i == 0 || strcmp(key->section, key[-1].section) != 0) {
            fputs(i ? "</table>\n<h3>" : "<h3>", out);
            ij_html_format(out, "[%s]", key->section);
            fputs("</h3>\n<table>\n", out);
        }
        ij_key_format(key, r->config, value, sizeof value);
        fputs("<tr><td><code>", out);
        ij_html_text(out, key->name);
        fputs("</code></td><td>", out);
        ij_html_text(out, value);
        fputs("</td><td class=\"help\"><small>", out);
        ij_html_text(out, key->help);
        fputs("</small></td></tr>\n", out);
    }
    fputs("</table></details>\n", out);
    if (!r->checkpoint)
        return;
    fputs("<p class=\"soft\">Newest whole checkpoint: <code>", out);
    ij_html_text(out, ij_model_file_path(r->checkpoint));
    fprintf(out, "</code>, after %lld steps", (long long)ij_model_file_describe(r->checkpoint)->iteration);
    if (numbers) {
        fputs("; computed by ", out);
        ij_html_text(out, numbers);
    }
    fputs(".</p>\n", out);
}

/* `ijepa config`: reads a configuration as training would and prints what would be used. */
#include "frontend/command.h"
#include "frontend/message.h"
#include "frontend/options.h"

#include <stdio.h>

static void print_help(void)
{
    puts("Usage: ijepa config CONFIG.ini [--set section.key=value]... [--device D]\n"
         "\n"
         "Checks the configuration and prints every value that training would use, with where it comes from.\n"
         "The output is a configuration itself. Exit status: 0, or 1 where the configuration has errors.\n"
         "\n"
         "The keys, with their defaults:\n");
    ij_config_print_keys(stdout);
}

int ij_command_config(int argc, char **argv)
{
    ij_options options;
    ij_config config;
    int status = IJ_EXIT_USAGE;
    if (ij_options_read(&options, "config", argc, argv)) {
        status = IJ_EXIT_DONE;
        if (options.help)
            print_help();
        else if (ij_options_config(&options, &config))
            ij_config_print(&config, stdout);
        else
            status = IJ_EXIT_FAILED;
    }
    ij_options_free(&options);
    if (fflush(stdout) && !status) {
        ij_complain("cannot write the output");
        status = IJ_EXIT_FAILED;
    }
    return status;
}

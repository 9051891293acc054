/* The subcommands of `ijepa`. Each gets the arguments after its own name and returns the program's exit status. */
#ifndef IJ_FRONTEND_COMMAND_H
#define IJ_FRONTEND_COMMAND_H

/* What the program's exit status means; a run ended by a signal returns 128 + the signal's number. */
enum { IJ_EXIT_DONE = 0, IJ_EXIT_FAILED = 1, IJ_EXIT_USAGE = 2 };

int ij_command_config(int argc, char **argv);
int ij_command_data(int argc, char **argv);
int ij_command_devices(int argc, char **argv);
int ij_command_embed(int argc, char **argv);
int ij_command_eval(int argc, char **argv);
int ij_command_export(int argc, char **argv);
int ij_command_import(int argc, char **argv);
int ij_command_inspect(int argc, char **argv);
int ij_command_predict(int argc, char **argv);
int ij_command_report(int argc, char **argv);
int ij_command_search(int argc, char **argv);
int ij_command_train(int argc, char **argv);

#endif

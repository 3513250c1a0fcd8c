"""The command line: Typer, one file a command; errors become exit codes."""

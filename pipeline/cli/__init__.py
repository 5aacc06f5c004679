"""The command line: arguments become calls of the stages, answers become text. Exit codes are in `cli.main`."""

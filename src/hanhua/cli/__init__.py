"""The command lines; every heavy import waits until a command runs."""

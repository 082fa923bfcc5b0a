"""What is wrong with an answer of a teacher: each check has a name, a limit, and the source of the limit."""

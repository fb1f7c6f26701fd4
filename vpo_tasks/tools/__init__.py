"""The programs that do the work: their command lines, their output, what each can do."""

"""Rules: one a file, the file's name is the finding's id. Judging reads no machine."""

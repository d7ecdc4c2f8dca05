"""Prints a word and fails when it is imported."""

print("about to fail")
raise RuntimeError("no configuration")

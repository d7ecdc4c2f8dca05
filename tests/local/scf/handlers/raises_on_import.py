"""Fails when it is imported, after a word."""

print("about to fail")
raise RuntimeError("no configuration")

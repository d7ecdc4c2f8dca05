"""Prints at import and when called."""

print("while importing")


def handler(event: object, context: object) -> None:
    print("while running")

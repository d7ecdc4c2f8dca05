"""Imports logging no sooner than it is called."""


def handler(event: object, context: object) -> None:
    import logging

    logging.getLogger("media").debug("late")

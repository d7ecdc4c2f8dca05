"""Logs while it is imported and when it is called, without setting anything up."""

import logging

logging.debug("while importing")
logging.basicConfig(format="has no effect: %(message)s", level=logging.ERROR)


def handler(event: object, context: object) -> None:
    logging.getLogger("media").info("while running: %s", event)

"""The other floor: a function that imports what one signed POST needs anyway, and does nothing with it."""

import requests


def main_handler(event: object, context: object) -> str:  # noqa: ARG001 - SCF's signature
    """Return requests' name, without having used it."""
    return requests.__name__

"""The other floor: a function that only imports `requests`, which every signed POST needs."""

import requests


def main_handler(event: object, context: object) -> str:  # noqa: ARG001 - SCF's signature
    """Return requests' name, without having used it."""
    return requests.__name__

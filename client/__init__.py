"""Asks about any number of video or audio tasks: `python -m client`, or from a script.

from client import ask

for outcome in ask("video", ids, url="https://…"):
    print(outcome.vid, outcome.outcome, outcome.row["result"])
"""

from client.errors import ClientError
from client.outcomes import Outcome
from client.scripts import ask

__all__ = ["ClientError", "Outcome", "ask"]

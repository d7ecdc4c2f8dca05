"""Asks about any number of video or audio tasks: `python -m client`, or from a script.

from client import ask

for outcome in ask("video", ids, url="https://…"):
    print(outcome.vid, outcome.outcome, outcome.row["result"])
"""

import sys
from importlib.util import find_spec

# argv[0] is "-m" while Python looks for the package's __main__. A script gets the usual ModuleNotFoundError instead.
if sys.argv[:1] == ["-m"] and not (find_spec("click") and find_spec("rich")):
    sys.stderr.write("client: not installed for this Python: use `make run`, or .venv/bin/python -m client …\n")
    sys.exit(2)

from client.errors import ClientError
from client.outcomes import Outcome
from client.scripts import ask

__all__ = ["ClientError", "Outcome", "ask"]

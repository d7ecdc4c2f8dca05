"""What a cold start imports: nothing that this one query does not use."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.support.paths import ROOT

CODE = """
import json, sys
import query_video
print(json.dumps(query_video.main_handler(json.loads(sys.argv[1]), {})))
print(*sorted(sys.modules))
"""
#: What only some queries need. (Not csv: where charset_normalizer is installed, requests itself imports it.)
LATE = {"html", "shared.replies.table", "shared.replies.page", "shared.cos.objects", "shared.collector"}
LATE |= {"shared.backends.ci", "shared.events.timer", "shared.signing.tc3"}


@pytest.mark.parametrize(
    "event",
    [
        {"vids": "../x"},
        {"httpMethod": "GET", "queryString": {"vids": "../x"}, "headers": {"accept": "text/csv"}},
        {"httpMethod": "POST", "body": "vid\n../x\n", "headers": {"content-type": "text/csv"}},
    ],
)
def test_a_query_imports_what_it_needs(event: object) -> None:
    environ = {
        **os.environ,
        "SECRET_ID": "id",
        "SECRET_KEY": "key",
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "functions"))),
    }
    command = [sys.executable, "-c", CODE, json.dumps(event)]
    out = subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout.splitlines()
    modules = set(out[-1].split())
    assert "shared.backends.api2" in modules
    assert not modules & LATE, out[0]

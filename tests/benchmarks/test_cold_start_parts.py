from __future__ import annotations

import pytest

from benchmarks.cold_start_parts import LIBRARY, QUERY, START, sorted_out

PRINTED = """import time: self [us] | cumulative | imported package
import time:      1000 |       1000 |   encodings
import time:      2000 |       3000 | site
import time:       500 |        500 |     json.decoder
import time:       300 |        800 |     json
import time:       700 |        700 |       urllib3.util
import time:       100 |        100 |     certifi.core
import time:       200 |        300 |   requests
import time:       400 |       1500 | shared.handler
import time:       600 |       2100 | query_video
a warning of somebody
import time:       250 |        250 | shared.backends.api2
import time:        50 |         50 | zlib
"""


def test_imports_are_sorted_by_package_and_taken_off_the_query_that_makes_them() -> None:
    assert sorted_out(PRINTED, 2.3) == pytest.approx(
        {
            START: 3.0,
            LIBRARY: 0.85,
            "requests, certifi, idna": 0.3,
            "urllib3": 0.7,
            "functions/ and shared/": 1.25,
            QUERY: 2.0,
        }
    )

"""SCF's cron expressions."""

from __future__ import annotations

from datetime import datetime

import pytest

from local.config import CRON_ZONE, next_firing

SUNDAY = datetime(2026, 11, 22, 9, 0, 0, tzinfo=CRON_ZONE)


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("*/5 * * * * * *", "2026-11-22 09:00:05"),
        ("0 15 10 1 * * *", "2026-12-01 10:15:00"),
        ("0 15 10 * * MON-FRI *", "2026-11-23 10:15:00"),
        ("0 0 10,14,16 * * * *", "2026-11-22 10:00:00"),
        ("0 */30 9-17 * * * *", "2026-11-22 09:30:00"),
        ("0 0 12 * * WED *", "2026-11-25 12:00:00"),
        ("0 0 12 23 * WED *", "2026-11-23 12:00:00"),
        ("10/20 * * * * * *", "2026-11-22 09:00:10"),
        ("0 0 0 1 JAN * 2028", "2028-01-01 00:00:00"),
        ("0 0 0 * * 0 *", "2026-11-29 00:00:00"),
        ("5 * * * *", "2026-11-22 09:05:00"),
    ],
    ids=lambda value: value if "*" in value else "",
)
def test_cron_expressions_of_the_document(cron: str, expected: str) -> None:
    following = next_firing(cron, SUNDAY)
    assert following
    assert following.strftime("%Y-%m-%d %H:%M:%S") == expected


@pytest.mark.parametrize("cron", ["", "* * * * * *", "61 * * * * * *", "x * * * * * *"])
def test_a_malformed_cron_is_named(cron: str) -> None:
    with pytest.raises(ValueError, match=r"seven fields|out of range"):
        next_firing(cron, SUNDAY)


def test_a_cron_whose_years_are_over_never_fires() -> None:
    assert next_firing("0 0 0 1 1 * 1999", SUNDAY) is None

"""When a timer's cron expression fires."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from croniter import croniter
from croniter.croniter import CroniterBadDateError

#: SCF's crons are read in Beijing time (uniCloud's page on Tencent timers; SCF's own pages do not say).
CRON_ZONE = timezone(timedelta(hours=8))


def next_firing(cron: str, after: datetime) -> datetime | None:
    """Return when a cron expression fires next, None if its years are over.

    It has seven fields, from seconds to year; five fields, from minutes on, still work (doc 583/9708). If both a day of
    the month and a day of the week are given, either is enough. Raises ValueError for anything else; its message does
    not repeat the expression.
    """
    if len(cron.split()) not in (5, 7):
        raise ValueError("must have seven fields: second minute hour day month week year")
    try:
        following: datetime = croniter(cron, after, second_at_beginning=True, day_or=True).get_next(datetime)
    except CroniterBadDateError:
        return None
    except (ValueError, KeyError):
        raise ValueError("has a field that is out of range or can't be read") from None
    return following

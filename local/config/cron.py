"""When a timer's cron expression fires."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from croniter import croniter
from croniter.croniter import CroniterBadDateError

#: SCF's crons are read in Beijing time (uniCloud's page on Tencent timers; SCF's own pages do not say).
CRON_ZONE = timezone(timedelta(hours=8))


def next_firing(cron: str, after: datetime) -> datetime | None:
    """Return when a cron expression fires next, None when the years that it names are over.

    Seven fields, seconds first and the year last; five fields, minutes first, still work (doc 583/9708). A day of the
    month and a day of the week both given mean either. Raises ValueError, without the expression, for anything else.
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

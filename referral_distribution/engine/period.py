"""Days of the company's time zone as moments in UTC, the database's time.

>>> from datetime import datetime
>>> now = datetime(2026, 3, 31, 17, 30)  # 01:30 on 1 April in Shanghai
>>> days_ago(now, "Asia/Shanghai", 0)
datetime.datetime(2026, 3, 31, 16, 0)
>>> days_ago(now, "UTC", 0)
datetime.datetime(2026, 3, 31, 0, 0)

A day on which the clock was set forward has 23 hours, and is a day all the same:

>>> days_ago(datetime(2026, 3, 29, 12, 0), "Europe/Paris", 0)
datetime.datetime(2026, 3, 28, 23, 0)
>>> days_ago(datetime(2026, 3, 30, 12, 0), "Europe/Paris", 0)
datetime.datetime(2026, 3, 29, 22, 0)
"""

from datetime import date, datetime, time, timedelta

import pytz


def local_day(moment: datetime, zone: str) -> date:
    """Return the day it is in ``zone`` at a moment in UTC.

    >>> local_day(datetime(2026, 3, 31, 17, 30), "Asia/Shanghai")
    datetime.date(2026, 4, 1)
    """
    return pytz.utc.localize(moment).astimezone(pytz.timezone(zone)).date()


def days_ago(now: datetime, zone: str, days: int) -> datetime:
    """Return midnight in ``zone``, ``days`` days before the local day of ``now``.

    :param now: UTC, without time zone; so is the result.
    """
    local = pytz.timezone(zone)
    day = local_day(now, zone) - timedelta(days=days)
    midnight = local.localize(datetime.combine(day, time()))
    return midnight.astimezone(pytz.utc).replace(tzinfo=None)

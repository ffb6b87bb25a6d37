"""When a reward is due, and in which period it is settled (rule C6), in plain Python.

Days are the company's own, so no hour of a changing clock gets lost or counts twice.

Two holding days, then the end of the month; a leap year's February has a day more:

>>> from datetime import date
>>> get_due_date(date(2028, 2, 27), "month", holding_days=2)
datetime.date(2028, 3, 1)
>>> get_due_date(date(2028, 2, 28), "month", holding_days=2)
datetime.date(2028, 4, 1)
>>> get_period(date(2028, 3, 1), "month")
(datetime.date(2028, 2, 1), datetime.date(2028, 2, 29))

Weeks begin on Monday, and the year's last one does not end with the year:

>>> get_due_date(date(2026, 12, 31), "week")
datetime.date(2027, 1, 4)
>>> get_period(date(2027, 1, 4), "week")
(datetime.date(2026, 12, 28), datetime.date(2027, 1, 3))

What is paid at once or by hand is due when the holding days are over, in no period:

>>> get_due_date(date(2026, 1, 31), "manual", holding_days=1)
datetime.date(2026, 2, 1)
>>> get_period(date(2026, 2, 1), "manual")
"""

from datetime import date, timedelta

DAY = timedelta(days=1)


def get_due_date(approved: date, mode: str, holding_days: int = 0) -> date:
    """Return the first day on which a settlement may take what was approved.

    :param approved: the company's day.
    :param mode: "week", "month", or anything else for no period.
    :param holding_days: days to wait before it counts for a period.
    """
    free = approved + holding_days * DAY
    if mode == "week":
        return free + (7 - free.weekday()) * DAY
    if mode == "month":
        return (free.replace(day=1) + 32 * DAY).replace(day=1)
    return free


def get_period(due: date, mode: str) -> tuple[date, date] | None:
    """Return the first and last day of the period that ends before ``due``."""
    last = due - DAY
    if mode == "week":
        return due - 7 * DAY, last
    if mode == "month":
        return last.replace(day=1), last
    return None

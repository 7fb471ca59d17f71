"""Anomalies: what was strange, how strange, and is it worth waking someone?

From values to alarms, in the order in which to read:

- `judge`: each step of a series against what was expected of it, by all detectors (`own`: those of the user); how often chance does as much
- `episodes`: strange steps of a series as stretches (`found`: their tables); `advance`: the same continued, however time is cut
- `weeks`: all blocks of services, week by week; `models` and `stored`: detectors as they are kept between runs
- `find`: stretches as anomalies of services, by `join` (what is one), `severity`, `explain` (in words) and `suppress` (what is no alarm)
- `shared`: anomalies of several services at once

What is made of them: `course`, `shows` and `says` for the page; `calibration` and `trial`, whether the budget is kept and what it misses;
`replay`, what other settings would tell; `feedback`, what people say.
"""

from analytics.anomalies import explain, says, shows
from analytics.anomalies.calibration import causes, realised
from analytics.anomalies.course import Course, look_at
from analytics.anomalies.find import Anomalies, Known, anomalies_of, find_anomalies, save
from analytics.anomalies.found import Found
from analytics.anomalies.replay import budgets
from analytics.anomalies.stored import Detectors, stored_detectors
from analytics.anomalies.trial import Trial, try_out

__all__ = [
    "Anomalies",
    "Course",
    "Detectors",
    "Found",
    "Known",
    "Trial",
    "anomalies_of",
    "budgets",
    "causes",
    "explain",
    "find_anomalies",
    "look_at",
    "realised",
    "save",
    "says",
    "shows",
    "stored_detectors",
    "try_out",
]

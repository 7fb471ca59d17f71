"""Promises and error budgets: were they kept, how much may still fail?"""

from analytics.slo import says, shows
from analytics.slo.burn import burn_down, worst_budgets
from analytics.slo.certificates import find_certificates
from analytics.slo.counts import count_checks, recent_period
from analytics.slo.promises import chosen, find_periods, find_promises, of_signals
from analytics.slo.repairs import list_outages, repair_times
from analytics.slo.rules import rules
from analytics.slo.stopped import find_stopped
from analytics.slo.verdicts import Verdicts, judge

__all__ = [
    "Verdicts",
    "burn_down",
    "chosen",
    "count_checks",
    "find_certificates",
    "find_periods",
    "find_promises",
    "find_stopped",
    "judge",
    "list_outages",
    "of_signals",
    "recent_period",
    "repair_times",
    "rules",
    "says",
    "shows",
    "worst_budgets",
]

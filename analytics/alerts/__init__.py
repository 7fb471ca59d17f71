"""Which findings must someone know about: findings in, alerts out. Nothing is sent here."""

from analytics.alerts import says, shows
from analytics.alerts.findings import findings_of_drifts, no_findings
from analytics.alerts.of_anomalies import findings_of_anomalies
from analytics.alerts.of_silence import findings_of_silences
from analytics.alerts.raised import Raised, raise_alerts
from analytics.alerts.silences import Matcher, apply_silences, parse_matcher

__all__ = [
    "Matcher",
    "Raised",
    "apply_silences",
    "findings_of_anomalies",
    "findings_of_drifts",
    "findings_of_silences",
    "no_findings",
    "parse_matcher",
    "raise_alerts",
    "says",
    "shows",
]

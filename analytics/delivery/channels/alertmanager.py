"""Alertmanager, API v2: alerts with labels and annotations, said again while they are open, ended when they are resolved."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any

from pydantic import Field, field_validator

from analytics.delivery.channels.base import Channel, ChannelError, Given, checked
from analytics.delivery.channels.web import WebOptions, place, post
from analytics.delivery.messages import Message, is_over, lead_sentence, link

__all__ = ["Alertmanager"]

LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
TEST_S = 60
REFRESHES = 4
"""An open alert is said again after this part of `keep_s`, so that three refreshes may fail before it ends there."""


class AlertmanagerOptions(WebOptions):
    """Options of kind `alertmanager`."""

    keep_s: int = Field(7200, ge=60, description="Alertmanager takes an alert as resolved if it hears nothing of it for so long, s")
    labels: dict[str, str] = Field({}, description="labels that every alert gets")

    @field_validator("labels")
    @classmethod
    def _are_valid(cls, labels: dict[str, str]) -> dict[str, str]:
        for name in labels:
            if not LABEL.fullmatch(name):
                raise ValueError(f"label '{name}' must consist of letters, digits and '_', and not begin with a digit")
        return labels


class Alertmanager(Channel):
    """One Alertmanager. A repeat of what it knows changes nothing there."""

    guarantee = "exactly once: a repeat changes nothing there"

    def __init__(self, name: str, options: dict[str, Any], given: Given) -> None:
        self.options = checked(AlertmanagerOptions, options, name)
        super().__init__(name, self.options, given)
        self.refresh_s = self.options.keep_s / REFRESHES

    def send(self, message: Message, *, now: datetime) -> str:
        alert, before = message.alert, message.before
        body = [self._alert(alert, self._end(alert, now, is_test=message.change == "test"), lead_sentence(message))]
        if before is not None and self._labels(before) != self._labels(alert):
            # Labels are what an alert is there: with another severity it is another alert, and the old one ends.
            body.insert(0, self._alert(before, max(now, _time(before["start"])), "It goes on as another alert."))
        self._post(body)
        return ""

    def refresh(self, active: list[dict[str, Any]], *, now: datetime) -> None:
        if active:
            self._post([self._alert(alert, self._end(alert, now), "") for alert in active])

    def _end(self, alert: dict[str, Any], now: datetime, *, is_test: bool = False) -> datetime:
        if is_over(alert):
            return max(_time(alert["end"]), _time(alert["start"]))
        return now + timedelta(seconds=TEST_S if is_test else self.options.keep_s)

    def _labels(self, alert: dict[str, Any]) -> dict[str, str]:
        own = {
            "alertname": f"analytics_{alert['finding']}",
            "alert_id": alert["alert_id"],
            "service": alert["service"],
            "region": alert["region"],
            "severity": alert["severity"],
            "finding": alert["finding"],
            "owner": alert["owner"],
        }
        # A label without a value is none.
        return {name: str(value) for name, value in (self.options.labels | own).items() if value}

    def _alert(self, alert: dict[str, Any], end: datetime, sentence: str) -> dict[str, Any]:
        said = {"summary": alert["title"], "description": alert["text"], "event": alert["event"], "change": sentence}
        where = link(alert, self.given.report_url)
        return {
            "labels": self._labels(alert),
            "annotations": {name: text for name, text in said.items() if text},
            "startsAt": alert["start"],
            "endsAt": end.strftime("%Y-%m-%dT%H:%M:%SZ"),
        } | ({"generatorURL": where} if where else {})

    def _post(self, body: list[dict[str, Any]]) -> None:
        url = self.options.address()
        answer = post(self.options, f"{url}/api/v2/alerts", json.dumps(body).encode(), {"content-type": "application/json"})
        if answer.kind not in ("application/json", "") or answer.text.strip() not in ("", "{}", "null"):
            raise ChannelError(f"{place(url)} answers {answer.kind or 'something'}, not as Alertmanager does; is the url right?")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)

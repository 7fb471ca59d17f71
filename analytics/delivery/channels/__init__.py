"""Channels by kind."""

from __future__ import annotations

from typing import Any

from analytics.delivery.channels.alertmanager import Alertmanager
from analytics.delivery.channels.base import Channel, ChannelError, Given, Maker
from analytics.delivery.channels.chat import Slack, Teams
from analytics.delivery.channels.local import JsonLines, OpenMetrics
from analytics.delivery.channels.mail import Mail
from analytics.delivery.channels.webhook import Webhook

__all__ = ["KINDS", "Channel", "ChannelError", "Given", "make_channel"]

KINDS: dict[str, Maker] = {
    "alertmanager": Alertmanager,
    "webhook": Webhook,
    "smtp": Mail,
    "slack": Slack,
    "teams": Teams,
    "file": JsonLines,
    "openmetrics": OpenMetrics,
}


def make_channel(name: str, options: dict[str, Any], given: Given) -> Channel:
    """The channel that `delivery.channels.<name>` describes."""
    kind = options.get("kind")
    if kind not in KINDS:
        raise ChannelError(f"delivery.channels.{name}: kind '{kind}' does not exist; there are {', '.join(KINDS)}")
    return KINDS[kind](name, options, given)

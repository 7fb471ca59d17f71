"""Incoming webhooks of Slack (and those that speak it: Mattermost, Rocket.Chat) and of Microsoft Teams."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from analytics.delivery.channels.base import Channel, ChannelError, Given, checked
from analytics.delivery.channels.web import WebOptions, post, shown
from analytics.delivery.messages import Message, lead_sentence, lines, link, subject

__all__ = ["Slack", "Teams"]

HEADER_LENGTH, SECTION_LENGTH = 150, 3000
"""Longest plain header and text of a section that Slack takes."""

COLOURS = {"critical": "Attention", "warning": "Warning", "info": "Accent"}


class ChatOptions(WebOptions):
    """Options of kinds `slack` and `teams`."""

    at_least: Literal["info", "warning", "critical"] = Field("warning", description="least severity that is told")


class Slack(Channel):
    """One incoming webhook of Slack."""

    guarantee = "at least once: Slack cannot tell a repeat; the message shows its key"

    def __init__(self, name: str, options: dict[str, Any], given: Given) -> None:
        self.options = checked(ChatOptions, options, name)
        super().__init__(name, self.options, given)

    def send(self, message: Message, *, now: datetime) -> str:
        del now
        body = "\n".join(
            f"*{_escaped(name)}:* {_escaped(text)}" if name else _escaped(text) for name, text in lines(message, self.given.report_url)
        )
        card = {
            "text": f"{subject(message)} {lead_sentence(message)}",
            "blocks": [
                {"type": "header", "text": {"type": "plain_text", "text": _cut(subject(message), HEADER_LENGTH)}},
                {
                    "type": "section",
                    "text": {"type": "mrkdwn", "text": _cut(f"{_escaped(lead_sentence(message))}\n{body}", SECTION_LENGTH)},
                },
                {"type": "context", "elements": [{"type": "plain_text", "text": f"{self.given.project} · {message.key}"}]},
            ],
        }
        answer = post(self.options, self.options.address(), json.dumps(card).encode(), {"content-type": "application/json"})
        if answer.kind == "text/html":
            raise ChannelError("the address answers with a page, not as an incoming webhook does; is it right?")
        return ""


class Teams(Channel):
    """One incoming webhook (workflow) of Microsoft Teams: an Adaptive Card."""

    guarantee = "at least once: Teams cannot tell a repeat; the card shows its key"

    def __init__(self, name: str, options: dict[str, Any], given: Given) -> None:
        self.options = checked(ChatOptions, options, name)
        super().__init__(name, self.options, given)

    def send(self, message: Message, *, now: datetime) -> str:
        del now
        where = link(message.alert, self.given.report_url)
        is_over = message.change in ("resolved", "withdrawn")
        facts = [{"title": name, "value": text} for name, text in lines(message, None) if name]
        plain = [_block(text) for name, text in lines(message, None) if not name]
        card = {
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.4",
            "body": [
                _block(subject(message), size="Large", weight="Bolder", color="Good" if is_over else COLOURS[message.alert["severity"]]),
                _block(lead_sentence(message)),
                {"type": "FactSet", "facts": facts},
                *plain,
                _block(f"{self.given.project} · {message.key}", size="Small", isSubtle=True),
            ],
            "actions": [{"type": "Action.OpenUrl", "title": "Open the page", "url": where}] if where else [],
        }
        attached = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
        body = json.dumps({"type": "message", "attachments": [attached]}).encode()
        answer = post(self.options, self.options.address(), body, {"content-type": "application/json"})
        # Connectors of Teams say failures of what lies behind them with HTTP 200 and a sentence.
        if "error" in answer.text.lower() or "failed" in answer.text.lower() or answer.kind == "text/html":
            raise ChannelError(f"Teams did not take the card: {shown(answer, self.options)}", may_pass="429" in answer.text)
        return ""


def _block(text: str, **look: object) -> dict[str, object]:
    return {"type": "TextBlock", "text": text, "wrap": True, **look}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"

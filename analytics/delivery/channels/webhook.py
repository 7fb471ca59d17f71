"""A generic webhook: a CloudEvent, signed so that the receiver knows who sent it, when, and whether it is a repeat."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from datetime import datetime
from typing import Any

from pydantic import Field

from analytics.delivery.channels.base import Channel, ChannelError, Given, checked, secret
from analytics.delivery.channels.web import WebOptions, post
from analytics.delivery.messages import Message, lead_sentence, link

__all__ = ["Webhook", "signature"]

PREFIX = "whsec_"


class WebhookOptions(WebOptions):
    """Options of kind `webhook`."""

    secret_env: str | None = Field(None, description="name of the environment variable that holds the key of the signature")
    source: str = Field("/analytics", min_length=1, description="`source` of the CloudEvents: which installation this is")


class Webhook(Channel):
    """One receiver of CloudEvents 1.0 in structured mode (`application/cloudevents+json`)."""

    guarantee = "at least once: a repeat has the same id (CloudEvents id, header webhook-id)"

    def __init__(self, name: str, options: dict[str, Any], given: Given) -> None:
        self.options = checked(WebhookOptions, options, name)
        super().__init__(name, self.options, given)

    def send(self, message: Message, *, now: datetime) -> str:
        event = {
            "specversion": "1.0",
            "id": message.key,
            "source": self.options.source,
            "type": f"analytics.alert.{message.change}",
            "subject": message.alert["service"],
            "time": message.created_at.isoformat().replace("+00:00", "Z"),
            "datacontenttype": "application/json",
            "data": message.alert
            | {"change": message.change, "sentence": lead_sentence(message), "link": link(message.alert, self.given.report_url)},
        }
        body = json.dumps(event, ensure_ascii=False).encode()
        headers = {"content-type": "application/cloudevents+json; charset=utf-8", "webhook-id": message.key}
        if self.options.secret_env:
            sent_at = str(int(now.timestamp()))
            signed = signature(body, key=secret(self.options.secret_env), identity=message.key, sent_at=sent_at)
            headers |= {"webhook-timestamp": sent_at, "webhook-signature": signed}
        post(self.options, self.options.address(), body, headers)
        return ""


def signature(body: bytes, *, key: str, identity: str, sent_at: str) -> str:
    """Signature of the specification Standard Webhooks: `v1,` and the base64 of HMAC-SHA256 over id, time and body.

    Parameters
    ----------
    key : secret shared with the receiver; one that begins with `whsec_` is base64, as that specification writes it
    sent_at : seconds since 1970; a receiver refuses what is older than a few minutes, so that a recorded message cannot be played again

    References
    ----------
    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    """
    try:
        raw = base64.b64decode(key.removeprefix(PREFIX), validate=True) if key.startswith(PREFIX) else key.encode()
    except binascii.Error:
        raise ChannelError(f"the key of the signature begins with {PREFIX}, but what follows is no base64") from None
    digest = hmac.new(raw, f"{identity}.{sent_at}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()

"""The only code that sends: outside the chain, with an outbox and ledger of its own in `data/delivery`."""

from analytics.delivery.channels import KINDS, ChannelError, Given
from analytics.delivery.messages import Message
from analytics.delivery.outbox import Outbox, OutboxError
from analytics.delivery.plan import Planned
from analytics.delivery.run import Busy, Outcome, due, outbox_path, send, send_test

__all__ = [
    "KINDS",
    "Busy",
    "ChannelError",
    "Given",
    "Message",
    "Outbox",
    "OutboxError",
    "Outcome",
    "Planned",
    "due",
    "outbox_path",
    "send",
    "send_test",
]

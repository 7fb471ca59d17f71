"""What every channel has: its options, its secrets, and how it says that it failed."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from analytics import params
from analytics.delivery.messages import Message

__all__ = ["Channel", "ChannelError", "Given", "Options", "checked", "secret"]


class ChannelError(RuntimeError):
    """A channel could not take a message.

    `may_pass`: trying again may help. `wait_s`: not before so many seconds, where the receiver says so. The text holds no secret.
    """

    def __init__(self, text: str, *, may_pass: bool = False, wait_s: float = 0.0) -> None:
        super().__init__(text)
        self.may_pass, self.wait_s = may_pass, wait_s


class Options(BaseModel):
    """Options of every channel."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at_least: Literal["info", "warning", "critical"] = Field("info", description="least severity that is told")
    updates: bool = Field(True, description="tell that more has joined an alert")
    timeout_s: float = Field(10.0, gt=0, le=300, description="longest wait for an answer, s")


class Given(BaseModel):
    """What a channel is told about the project it belongs to; `scores`: how strange each series is now (service, region, signal, score)."""

    model_config = ConfigDict(frozen=True)

    project: str
    report_url: str | None
    root: Path
    scores: tuple[dict[str, Any], ...] = ()


class Channel:
    """One configured channel. To add a kind, copy the smallest module of this package and name it in `KINDS`."""

    guarantee = ""
    """How often a message arrives if a process is killed while it sends, in words."""

    is_told = True
    """Whether it takes messages; else it only shows the state of now (`refresh`)."""

    refresh_s: float | None = None
    """After how long what is open must be said again, s; None: never; 0: on every run."""

    def __init__(self, name: str, options: Options, given: Given) -> None:
        self.name, self.common, self.given = name, options, given

    def send(self, message: Message, *, now: datetime) -> str:
        """Hand a message over; what is worth noting about it. Raises `ChannelError`."""
        raise NotImplementedError

    def refresh(self, active: list[dict[str, Any]], *, now: datetime) -> None:
        """Say again what is open now (alerts as plain JSON)."""


Model = TypeVar("Model", bound=Options)
Maker = Callable[[str, dict[str, Any], Given], Channel]


def checked(model: type[Model], options: dict[str, Any], name: str) -> Model:
    """Options of a channel as its model; a wrong name or value is an error that says what would be right."""
    try:
        return model.model_validate({key: value for key, value in options.items() if key != "kind"})
    except ValidationError as error:
        whole = [one["msg"].removeprefix("Value error, ") for one in error.errors() if not one["loc"]]
        # What concerns all options is told without them: a password may stand among them.
        said = "; ".join(whole) if whole else None
        where = f"delivery.channels.{name}"
        raise ChannelError(f"{where}: {said}" if said else params.explain(error, model, where=where)) from None


def secret(name: str) -> str:
    """Value of an environment variable that holds a secret."""
    value = os.environ.get(name, "")
    if not value:
        raise ChannelError(f"the environment variable {name} is not set; it holds the secret that params.yaml names")
    return value

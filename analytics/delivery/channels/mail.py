"""E-mail: text and HTML, encrypted, one thread for each alert."""

from __future__ import annotations

import html
import smtplib
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any, Literal

from pydantic import Field, model_validator

from analytics.delivery.channels.base import Channel, ChannelError, Given, Options, checked, secret
from analytics.delivery.channels.web import is_local, trusted
from analytics.delivery.messages import Message, lead_sentence, lines, subject

__all__ = ["Mail"]

PORTS = {"tls": 465, "starttls": 587, "none": 25}


class MailOptions(Options):
    """Options of kind `smtp`."""

    host: str = Field(description="mail server")
    security: Literal["starttls", "tls", "none"] = Field("starttls", description="how the connection is encrypted; none: not at all")
    port: int | None = Field(None, ge=1, le=65535, description="port; 587 for starttls, 465 for tls, 25 for none unless given")
    sender: str = Field(description="address of the sender")
    to: tuple[str, ...] = Field(min_length=1, description="addresses of the receivers")
    user_env: str | None = Field(None, description="name of the environment variable that holds the user's name")
    password_env: str | None = Field(None, description="name of the environment variable that holds the password")
    ca_file: str | None = Field(None, description="certificates to trust instead of the system's")
    at_least: Literal["info", "warning", "critical"] = Field("warning", description="least severity that is told")

    @model_validator(mode="after")
    def _no_password_in_the_clear(self) -> MailOptions:
        if (self.user_env is None) != (self.password_env is None):
            raise ValueError("needs both user_env and password_env, or neither")
        if self.user_env and self.security == "none" and not is_local(self.host):
            raise ValueError("security none would send the password unencrypted; use starttls or tls")
        for address in (self.sender, *self.to):
            name, _, domain = address.rpartition("@")
            if not name or not domain or any(letter.isspace() or letter in ",;<>" for letter in address):
                raise ValueError(f"'{address}' is no e-mail address")
        return self


class Mail(Channel):
    """One mail server and its receivers."""

    guarantee = "at least once: a repeat has the same Message-ID, by which most servers and programs drop it"

    def __init__(self, name: str, options: dict[str, Any], given: Given) -> None:
        self.options = checked(MailOptions, options, name)
        super().__init__(name, self.options, given)

    def send(self, message: Message, *, now: datetime) -> str:
        mail = self._mail(message, now)
        try:
            with self._connected() as server:
                refused = server.send_message(mail, self.options.sender, list(self.options.to))
        except smtplib.SMTPException as error:
            raise self._failure(error) from None
        except OSError as error:
            raise ChannelError(f"{self.options.host}: {_os_reason(error)}", may_pass=not _is_certificate(error)) from None
        return "not for " + ", ".join(f"{address} ({code})" for address, (code, _) in sorted(refused.items())) if refused else ""

    def _connected(self) -> smtplib.SMTP:
        chosen = self.options
        port = chosen.port or PORTS[chosen.security]
        context = trusted(chosen.ca_file) if chosen.security != "none" else None
        login = (secret(chosen.user_env), secret(chosen.password_env)) if chosen.user_env and chosen.password_env else None
        server: smtplib.SMTP
        if chosen.security == "tls":
            server = smtplib.SMTP_SSL(chosen.host, port, timeout=chosen.timeout_s, context=context)
        else:
            server = smtplib.SMTP(chosen.host, port, timeout=chosen.timeout_s)
        try:
            if chosen.security == "starttls":
                # A server that offers none is refused, not talked to in the clear.
                server.starttls(context=context)
            if login is not None:
                server.login(*login)
        except BaseException:
            server.close()
            raise
        return server

    def _mail(self, message: Message, now: datetime) -> EmailMessage:
        domain = self.options.sender.rpartition("@")[2]
        thread = f"<{message.alert_id}.{self.name}@{domain}>"
        mail = EmailMessage()
        mail["Subject"] = subject(message)
        mail["From"] = self.options.sender
        mail["To"] = ", ".join(self.options.to)
        mail["Date"] = format_datetime(now)
        mail["Message-ID"] = f"<{message.key}@{domain}>"
        # The thread's own id need not exist as a mail: programs gather what refers to it.
        mail["References"] = thread
        mail["In-Reply-To"] = thread
        mail["Auto-Submitted"] = "auto-generated"
        body = [("", lead_sentence(message)), *lines(message, self.given.report_url)]
        mail.set_content("\n".join(f"{name}: {text}" if name else text for name, text in body) + f"\n\n-- \n{self._footer(message)}\n")
        mail.add_alternative(_page(subject(message), body, self._footer(message)), subtype="html")
        return mail

    def _footer(self, message: Message) -> str:
        return f"{self.given.project} · {message.key}"

    def _failure(self, error: smtplib.SMTPException) -> ChannelError:
        """What went wrong, without what the server was told: answers to a login may repeat it."""
        host = self.options.host
        if isinstance(error, smtplib.SMTPAuthenticationError):
            return ChannelError(f"{host} refuses the login ({error.smtp_code}); is the secret right?")
        if isinstance(error, smtplib.SMTPNotSupportedError):
            return ChannelError(f"{host} offers no encryption or login; set `security` to what it offers")
        if isinstance(error, smtplib.SMTPRecipientsRefused):
            codes = {address: code for address, (code, _) in error.recipients.items()}
            said = ", ".join(f"{address} ({code})" for address, code in sorted(codes.items()))
            return ChannelError(f"{host} refuses the receivers: {said}", may_pass=all(code < 500 for code in codes.values()))
        if isinstance(error, smtplib.SMTPSenderRefused):
            return ChannelError(f"{host} refuses the sender ({error.smtp_code})", may_pass=error.smtp_code < 500)
        if isinstance(error, smtplib.SMTPResponseException):
            return ChannelError(f"{host} answers {error.smtp_code}", may_pass=error.smtp_code < 500)
        if isinstance(error.__context__, TimeoutError):
            return ChannelError(f"{host}: no answer in time", may_pass=True)
        return ChannelError(f"{host} broke the connection or speaks no SMTP", may_pass=True)


def _os_reason(error: OSError) -> str:
    if _is_certificate(error):
        return "its certificate is not trusted; set ca_file if it is your own"
    return "no answer in time" if isinstance(error, TimeoutError) else (error.strerror or type(error).__name__).lower()


def _is_certificate(error: OSError) -> bool:
    return "certificate" in str(error).lower()


def _page(title: str, body: list[tuple[str, str]], footer: str) -> str:
    rows = "".join(
        f'<tr><th style="text-align:left;vertical-align:top;padding:2px 12px 2px 0">{html.escape(name)}</th><td>{_cell(text)}</td></tr>'
        for name, text in body
    )
    return (
        f'<html><body style="font-family:sans-serif"><h2 style="font-size:18px">{html.escape(title)}</h2>'
        f'<table>{rows}</table><p style="color:#566170;font-size:12px">{html.escape(footer)}</p></body></html>'
    )


def _cell(text: str) -> str:
    safe = html.escape(text)
    return f'<a href="{safe}">{safe}</a>' if text.startswith(("https://", "http://")) and " " not in text else safe

"""Sending ordinary e-mail over an account's SMTP server, for outbox, courier and screens."""

from misfin.post.email.accounts import login_changed
from misfin.post.email.transport import EmailTransport

__all__ = ["EmailTransport", "login_changed"]

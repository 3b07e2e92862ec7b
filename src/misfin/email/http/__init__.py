"""A small HTTPS client for a few bounded answers: configuration files and OAuth tokens."""

from misfin.email.http.client import HttpsClient, Reach
from misfin.email.http.reading import HttpError, HttpReader, HttpResponse

__all__ = ["HttpError", "HttpReader", "HttpResponse", "HttpsClient", "Reach"]

"""The protocol's types under their customary import path; the code is in model and wire."""

from misfin.model.address import DEFAULT_PORT
from misfin.model.gemmail import MAX_METADATA_LINE as MAX_METADATA_LINE_SIZE
from misfin.protocol.status import (
    StatusCode,
    interpret_status,
    is_auth_failure,
    is_error,
    is_redirect,
    is_success,
)
from misfin.wire import MisfinRequest, MisfinResponse
from misfin.wire.limits import MAX_C_HEADER as MAX_HEADER_SIZE
from misfin.wire.limits import MAX_MESSAGE as MAX_CONTENT_LENGTH
from misfin.wire.limits import MAX_RESPONSE as MAX_RESPONSE_SIZE

__all__ = [
    "DEFAULT_PORT",
    "MAX_CONTENT_LENGTH",
    "MAX_HEADER_SIZE",
    "MAX_METADATA_LINE_SIZE",
    "MAX_RESPONSE_SIZE",
    "MisfinRequest",
    "MisfinResponse",
    "StatusCode",
    "interpret_status",
    "is_auth_failure",
    "is_error",
    "is_redirect",
    "is_success",
]

"""Status codes under their customary import path; the code is in :mod:`misfin.model.status`."""

from misfin.model.status import (
    StatusCode,
    interpret_status,
    is_auth_failure,
    is_error,
    is_redirect,
    is_success,
)

__all__ = ["StatusCode", "interpret_status", "is_auth_failure", "is_error", "is_redirect", "is_success"]

"""Receivers of ours, for other people's programs to talk to."""

import pytest
from receiving import receivers


@pytest.fixture
async def serve():
    """Start receivers that are stopped at the end: ``post = await serve(...)``."""
    async with receivers() as start:
        yield start

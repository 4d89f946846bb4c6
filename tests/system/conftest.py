"""A language model behind a server, for all tests here."""

from collections.abc import Iterator

import pytest
from model_server import model_server


@pytest.fixture(scope="session")
def language_model() -> Iterator[str]:
    """Address of a server of SmolLM2-135M."""
    with model_server() as url:
        yield url

"""What tests of several faces stand on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.ssh import SshSigner
from tests.support.typists import Person


@pytest.fixture(scope="session")
def ssh(tmp_path_factory: pytest.TempPathFactory) -> SshSigner:
    """Somebody's key pair, of the kind that `ssh-keygen` makes by default."""
    return SshSigner.draw(tmp_path_factory.mktemp("ssh"))


@pytest.fixture
def keeper(tmp_path: Path) -> Person:
    """Who holds the root key of a new registry."""
    person = Person.at(tmp_path / "keeper")
    person.does("registry", "create", "--name", "Example project")
    return person

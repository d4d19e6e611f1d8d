"""What tests of several faces stand on."""

from __future__ import annotations

import pytest

from tests.support.ssh import SshSigner


@pytest.fixture(scope="session")
def ssh(tmp_path_factory: pytest.TempPathFactory) -> SshSigner:
    """Somebody's key pair, of the kind that `ssh-keygen` makes by default."""
    return SshSigner.draw(tmp_path_factory.mktemp("ssh"))

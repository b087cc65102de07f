"""Puts a fake behind https, with a certificate that nobody vouches for unless told to.

The key is made by `openssl` for the test and thrown away with its folder: no key is checked in.
"""

from __future__ import annotations

import ssl
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.http.server import FakeServer

MAKE_BOTH = (
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
    "-subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
)


def self_signed(folder: Path) -> Path:
    """Make a key and its certificate for 127.0.0.1; return the file that holds both.

    Raises:
        FileNotFoundError: `openssl` is not installed.
        subprocess.CalledProcessError: It refuses.
    """
    key, path = folder / "key.pem", folder / "self-signed.pem"
    command = [*MAKE_BOTH.split(), "-keyout", str(key), "-out", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    path.write_text(path.read_text() + key.read_text())
    return path


def speak_tls(fake: FakeServer, certificate: Path) -> str:
    """Let a fake that was started, and not yet asked, speak TLS; return its https address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    listener = fake._listener
    assert listener is not None, "start the fake first"
    listener.socket = context.wrap_socket(listener.socket, server_side=True)
    return fake.url.replace("http://", "https://")

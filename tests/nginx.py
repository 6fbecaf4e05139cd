"""nginx in front of a server, where it is installed."""

import os
import shutil
import socket
import subprocess
from contextlib import contextmanager

from command import eventually, free_port
from conftest import DEADLINE, Lines

NGINX = shutil.which("nginx", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]))


@contextmanager
def nginx(configuration, folder, **values):
    """Runs it with files in `folder`; its configuration is a format with `folder`, `port` and `values`. Gives the port."""
    port, file = free_port(), folder / "nginx.conf"
    file.write_text(configuration.format(folder=folder, port=port, **values))
    command = [NGINX, "-p", folder, "-e", "stderr", "-c", file]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = Lines(process.stderr)
    try:
        eventually(lambda: process.poll() is not None or listens(port), "nginx to listen")
        assert process.poll() is None, errors.snapshot()
        yield port
    finally:
        process.terminate()
        process.wait(DEADLINE)
        errors.join()
        print("--- nginx ---", *errors.snapshot(), sep="\n")


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0

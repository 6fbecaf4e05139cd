"""The extension module: the whole server behind one function."""

from collections.abc import Sequence

__version__: str

def main(argv: Sequence[str]) -> int:
    """Run the command line `argv`, whose first item is the program's name, and return the exit code.

    Returns once in the master, when the server has stopped, and once in every forked worker,
    when that worker has finished: the caller must then leave the process with the code.
    """

def log_trace(message: str) -> None:
    """Write a line to the error log, at its least level."""

def log_line(level: int, message: str) -> None:
    """Write a line to the error log, at a level of `logging`."""

def count_line(method: str) -> None:
    """Count a line of the log for statsd, by the name of the method that logged it."""

def send_metric(name: str, value: str, kind: str) -> None:
    """Send a number to statsd: its name, its value, and counter, gauge, histogram or timer."""

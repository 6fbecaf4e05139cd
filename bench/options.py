"""The command line."""

import argparse
from collections.abc import Callable, Mapping

from bench.scenarios import SCENARIOS
from bench.servers import REFERENCE, SERVERS

IDLE_COUNTS = [1_000, 10_000]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measures rgunicorn and its peers, one core each, in turn. See bench/README.md.",
    )
    option = parser.add_argument
    option("--rounds", type=positive, default=5, help="how often each server is measured (5)")
    option("--seconds", type=positive, default=None, help="length of a round (4), or of the watch of --idle (5)")
    option("--connections", type=positive, default=64, help="kept open by wrk (64)")
    scenarios, servers = ", ".join(SCENARIOS), ", ".join(SERVERS)
    option("--only", type=names_in(SCENARIOS), metavar="SCENARIO,...", help=scenarios)
    option("--servers", type=names_in(SERVERS), metavar="NAME,...", help=servers)
    add_modes(parser.add_mutually_exclusive_group().add_argument)
    option("--server-core", type=int, default=0, help="core of the server (0)")
    option("--client-core", type=int, default=1, help="core of wrk (1)")
    saving = parser.add_mutually_exclusive_group()
    saving.add_argument("--save", default="", metavar="NAME", help="a word for the name of the files of the result")
    saving.add_argument("--no-save", action="store_true", help="print only")
    arguments = parser.parse_args()
    if arguments.idle_connections:
        arguments.mode = "idle-connections"
    if arguments.idle_websockets:
        arguments.mode = "idle-websockets"
    arguments.idle_counts = arguments.idle_connections or arguments.idle_websockets or IDLE_COUNTS
    return arguments


def add_modes(option: Callable[..., object]) -> None:
    option("--all", action="store_true", help="everything: the scenarios, then all that the next five measure")
    option("--idle", dest="mode", action="store_const", const="idle", default="", help="wake-ups of idle servers")
    option(
        "--idle-connections",
        type=counts,
        nargs="?",
        const=IDLE_COUNTS,
        metavar="N,...",
        help="what connections that nobody uses cost the busy ones (1000,10000)",
    )
    option(
        "--websocket", dest="mode", action="store_const", const="websocket", help="echo and broadcast over WebSocket"
    )
    option(
        "--idle-websockets",
        type=counts,
        nargs="?",
        const=IDLE_COUNTS,
        metavar="N,...",
        help="what WebSockets cost on which nobody says anything (1000,10000)",
    )
    option(
        "--profile",
        dest="mode",
        action="store_const",
        const="profile",
        help=f"what a request costs, by part of {REFERENCE}",
    )


def counts(text: str) -> list[int]:
    return [positive(part) for part in text.split(",")]


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def names_in(known: Mapping[str, object]) -> Callable[[str], list[str]]:
    def names(text: str) -> list[str]:
        wanted = text.split(",")
        if unknown := [name for name in wanted if name not in known]:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; known: {', '.join(known)}")
        return wanted

    return names

"""Turns results into one Markdown document. What is in its middle is the business of the other `report_` files."""

from bench.noise import disturbances
from bench.results import Results
from bench.table import table


def markdown(results: Results, blocks: list[str]) -> str:
    head = [f"# Benchmark, {results.environment['date']}", environment_table(results), *warning(results)]
    return "\n\n".join([*head, *blocks, *failure_blocks(results)]) + "\n"


def environment_table(results: Results) -> str:
    load = results.load
    how = (
        f"{results.rounds} rounds of {load.seconds} s, {load.connections} connections unless a scenario says otherwise,"
        f" server on core {load.server_core}, wrk on core {load.client_core}"
    )
    return table(["", ""], [["method", how], *([key, value] for key, value in results.environment.items())])


def warning(results: Results) -> list[str]:
    reasons = " ".join(disturbances(results.environment["load average"], results.all_samples()))
    return [f"**Do not quote these figures.** {reasons}"] if reasons else []


def failure_blocks(results: Results) -> list[str]:
    return [f"## Failure: {pair}\n\n```text\n{text}\n```" for pair, text in results.failures.items()]

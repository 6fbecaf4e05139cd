"""Tables about what a request costs by part: processor time, and instructions outside the kernel."""

from bench.noise import notes
from bench.profile import PARTS, Profile
from bench.results import Results, median_of, rate
from bench.table import table

INSTRUCTIONS_NOTE = (
    "Counted by callgrind, as the difference of two runs. The kernel is not in it: see the system time above. What"
    " CPython does for the bridge, such as filling a dict, is CPython's; inlined code counts where it was written. A"
    " copy by `rep movsb` counts once for each byte."
)


TIME_NOTE = (
    "Of all processes of the server, from `/proc/PID/stat` around the measured requests: medians of the rounds. User is"
    " everything outside the kernel; system is the kernel's work for the server, mostly sockets."
)


def profile_blocks(results: Results) -> list[str]:
    blocks = ["## Processor time per request", TIME_NOTE, time_table(results)]
    if results.profiles:
        blocks += ["## User-space instructions per request", INSTRUCTIONS_NOTE, parts_table(results.profiles)]
    for profile in results.profiles:
        blocks += [f"### {profile.scenario}: functions that spend most themselves", functions_table(profile)]
    return blocks


def time_table(results: Results) -> str:
    head = ["scenario", "server", "requests/s", "user", "system", "all", "core used", "notes"]
    pairs = [(scenario, server) for scenario in results.scenarios for server in results.servers]
    return table(head, [time_row(results, *pair) for pair in pairs if results.of(*pair)])


def time_row(results: Results, scenario: str, server: str) -> list[str]:
    samples = results.of(scenario, server)
    return [
        scenario,
        server,
        f"{median_of(samples, rate):,.0f}",
        f"{median_of(samples, lambda sample: sample.user_us_per_request):.2f} µs",
        f"{median_of(samples, lambda sample: sample.system_us_per_request):.2f} µs",
        f"{median_of(samples, lambda sample: sample.cpu_us_per_request):.2f} µs",
        f"{median_of(samples, lambda sample: sample.core_used):.0%}",
        "; ".join(notes(samples)),
    ]


def parts_table(profiles: list[Profile]) -> str:
    rows = [[part, *(share(profile, profile.parts[part]) for profile in profiles)] for part in PARTS]
    totals = ["all", *(f"{profile.total:,.0f}" for profile in profiles)]
    return table(["part", *(profile.scenario for profile in profiles)], [*rows, totals])


def share(profile: Profile, instructions: float) -> str:
    return f"{instructions:,.0f} ({instructions / profile.total:.0%})"


def functions_table(profile: Profile) -> str:
    rows = [[cost.function, cost.part.partition(":")[0], share(profile, cost.instructions)] for cost in profile.largest]
    return table(["function", "part", "instructions"], rows)

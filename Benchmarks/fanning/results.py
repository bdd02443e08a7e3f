"""Tables of what was measured, and the page that keeps them."""

import json
import statistics


def median(entries, key):
    return statistics.median(entry[key] for entry in entries)


def row(*cells):
    return f"| {' | '.join(cells)} |"


def header(*cells):
    return [row(*cells), "|" + "---|" * len(cells)]


def table(subscribers, measured):
    """One number of subscribers: medians over the rounds, and what each server takes in floors (or in the first server, without a floor)."""
    if "delay" not in next(iter(measured.values()))[0]:
        return idle_table(subscribers, measured)
    base = "floor" if "floor" in measured else next(iter(measured))
    lines = header(
        f"N = {subscribers}", "µs a packet", f"× {base}", "lowest to highest", "cores", "delay, µs", "its p99", f"p99 × {base}", "lowest delivery",
        "KB a subscriber", "threads",
    )  # fmt: skip
    for name, entries in measured.items():
        times, p99 = [entry["microseconds"] for entry in entries], median(entries, "delay_p99")
        lines.append(
            row(
                name, f"{median(entries, 'microseconds'):.2f}", f"{median(entries, 'microseconds') / median(measured[base], 'microseconds'):.2f}",
                f"{min(times):.2f}–{max(times):.2f}", f"{median(entries, 'cores'):.2f}", f"{median(entries, 'delay'):.0f}", f"{p99:.0f}",
                f"{p99 / median(measured[base], 'delay_p99'):.2f}", f"{min(entry['delivery'] for entry in entries):.4f}",
                "–" if name == "floor" else f"{median(entries, 'memory') / 1000:.0f}", f"{median(entries, 'threads'):.0f}",
            )  # fmt: skip
        )
    return "\n".join(lines) + "\n"


def idle_table(subscribers, measured):
    """Nobody sends: what subscribers cost by being there."""
    lines = header(f"N = {subscribers}, idle", "KB a subscriber", "CPU a subscriber and second, µs", "cores", "ms a join", "checks answered", "threads")
    for name, entries in measured.items():
        values = [f"{median(entries, 'memory') / 1000:.1f}", f"{median(entries, 'microseconds'):.1f}", f"{median(entries, 'cores'):.3f}"]
        values += [f"{median(entries, 'join') * 1000:.1f}", f"{median(entries, 'answered'):.3f}", f"{median(entries, 'threads'):.0f}"]
        lines.append(row(name, *values))
    return "\n".join(lines) + "\n"


def write(directory, title, run):
    """Keeps the run under its title in results.json, in the place of one of the same title, and makes the page of all."""
    kept = directory / "results.json"
    runs = json.loads(kept.read_text()) if kept.exists() else {}
    runs[title] = run
    kept.write_text(json.dumps(runs, indent=1, ensure_ascii=False) + "\n")
    (directory / "results.md").write_text(page(runs))


def page(runs):
    lines = [
        "# Results of Benchmarks/fanout", "",
        "Written by `Benchmarks/all`; README.md says what is measured, and results.json has every round. Values are medians over the rounds.", "",
    ]  # fmt: skip
    machines = {}
    for title, run in runs.items():
        machines.setdefault(", ".join(run["machine"].values()), []).append(title)
    lines += [f"- {machine}" + (f" ({', '.join(titles)})" if len(machines) > 1 else "") for machine, titles in machines.items()]
    versions = {name: version for run in runs.values() for name, version in run["versions"].items()}
    lines += [f"- {name}: {version}" for name, version in versions.items()] + [""]
    for title, run in runs.items():
        lines += [f"## {title}", "", f"`{run['command']}`", ""]
        lines += [table(subscribers, measured) for subscribers, measured in run["measured"].items()]
    return "\n".join(lines)

"""Tables of what was measured, and the page that keeps them."""

import json
import statistics


def median(entries, key):
    return statistics.median(entry[key] for entry in entries)


def table(subscribers, measured):
    """One number of subscribers: medians over the rounds, and what each server costs in floors (or in the first server, without a floor)."""
    base_name = "floor" if "floor" in measured else next(iter(measured))
    base = median(measured[base_name], "microseconds")
    lines = [
        f"| N = {subscribers} | µs a packet | × {base_name} | lowest to highest µs | cores | lowest delivery | KB a subscriber | threads |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, entries in measured.items():
        times = [entry["microseconds"] for entry in entries]
        memory = f"{median(entries, 'memory') / 1000:.0f}" if name != "floor" else "–"
        delivery = min(entry["delivery"] for entry in entries)
        lines.append(
            f"| {name} | {median(entries, 'microseconds'):.2f} | {median(entries, 'microseconds') / base:.2f} | {min(times):.2f}–{max(times):.2f} "
            f"| {median(entries, 'cores'):.2f} | {min(1.0, delivery):.4f} | {memory} | {median(entries, 'threads'):.0f} |"
        )
    return "\n".join(lines) + "\n"

# SPDX-License-Identifier: MIT
"""Bar charts of what bench/run measured, as SVG files without any dependency."""
import html
import statistics

# file: (figure, metrics, title); one group of bars for each contender.
CHARTS = {
    "bulk": ("bulk", ("up, 1 stream Gbit/s", "down, 1 stream Gbit/s"),
             "Bulk, one stream, Gbit/s: more is better"),
    "requests": ("requests", ("64 conns /s", "512 conns /s"),
                 "Requests/s through the HTTP front, keep-alive: more is better"),
    "requests-tcp": ("requests-tcp", ("64 conns /s", "64 conns, close /s"),
                     "Requests/s and connections/s through a TCP service: more is better"),
    "latency": ("latency", ("p50 us", "p99 us"),
                "Latency at half of each one's own peak rate, µs: less is better"),
    "beside": ("beside", ("alone p99 us", "beside a download p99 us"),
               "p99 of small requests, µs, alone and beside a download: less is better"),
    "processor": ("bulk", ("server s/GB", "client s/GB"),
                  "Processor seconds for a GB: less is better"),
    "memory": ("memory", ("server idle MiB", "client idle MiB"),
               "Resident memory, idle, MiB: less is better"),
}
WIDTH, LABEL, BAR, GAP, TOP = 760, 150, 13, 9, 64
COLOURS = (("#1b6ca8", "#7fb2d9"), ("#8a8f98", "#c4c8ce"))  # ours, others; by metric


def bars(values, metrics, title):
    """values: {contender: [number or None for each metric]}"""
    most = max(v for row in values.values() for v in row if v is not None) or 1
    height = TOP + len(values) * (BAR * len(metrics) + GAP) + 8
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
           f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
           f'<text x="12" y="22" font-size="15" fill="#222222">{html.escape(title)}</text>']
    for i, metric in enumerate(metrics):
        x = LABEL + i * 250
        out.append(f'<rect x="{x}" y="36" width="12" height="12" fill="{COLOURS[0][i]}"/>'
                   f'<rect x="{x + 13}" y="36" width="12" height="12" fill="{COLOURS[1][i]}"/>'
                   f'<text x="{x + 31}" y="46" fill="#222222">{html.escape(metric)}</text>')
    y = TOP
    for name, row in values.items():
        colours = COLOURS[0] if name.startswith("tunnel") else COLOURS[1]
        middle = y + BAR * len(metrics) / 2 + 4
        out.append(f'<text x="{LABEL - 8}" y="{middle}" text-anchor="end" fill="#222222">'
                   f"{html.escape(name)}</text>")
        for i, value in enumerate(row):
            if value is not None:
                length = max(1.0, max(value, 0) / most * (WIDTH - LABEL - 80))
                text = f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
                out.append(f'<rect x="{LABEL}" y="{y + i * BAR}" width="{length:.1f}" '
                           f'height="{BAR - 1}" fill="{colours[i]}"/>'
                           f'<text x="{LABEL + length + 5:.1f}" y="{y + i * BAR + 10}" '
                           f'font-size="11" fill="#222222">{text}</text>')
        y += BAR * len(metrics) + GAP
    return "\n".join(out + ["</svg>", ""])


def draw(results, folder):
    for name, (figure, metrics, title) in CHARTS.items():
        measured = results["figures"].get(figure, {})
        values = {}
        for i, metric in enumerate(metrics):
            for c, rounds in measured.get(metric, {}).items():
                values.setdefault(c, [None] * len(metrics))[i] = statistics.median(rounds)
        if values:
            path = folder / f"{name}.svg"
            path.write_text(bars(values, metrics, title), encoding="utf-8")
            yield f"wrote {path}"

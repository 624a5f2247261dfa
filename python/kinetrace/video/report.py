"""Text tables and the HTML page of scored clips, from their records."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

Record = dict[str, Any]

_HEADER = (
    "entity",
    "frames",
    "points",
    "velocity",
    "acceleration",
    "residual RMS",
    "R2",
    "contacts",
    "score",
)


def clip_text(record: Record) -> str:
    """The table of one clip, with its warnings and notes."""
    if record["status"] != "ok":
        return f"{record['file']}: not scored: {record['error']}"
    rows = [entity_row(record, entity) for entity in record["entities"]]
    lines = [_clip_line(record), *("  " + line for line in table(_units(record), rows))]
    for entity in record["entities"]:
        lines += [f"  entity {entity['id']}: {note}" for note in entity["notes"]]
    lines += [f"  warning: {warning}" for warning in record["warnings"]]
    return "\n".join(lines)


def _clip_line(record: Record) -> str:
    camera = "camera moving" if record["camera"]["moving"] else "camera still"
    return (
        f"{record['file']}: score {record['score']:.3f}; {record['frames']} frames of "
        f"{record['width']}x{record['height']} at {record['fps']:.4g} fps, {camera}, "
        f"kinematic residual {record['kinematic_residual_px2']:.3g} px2"
    )


def _units(record: Record) -> list[str]:
    unit = record["length_unit"]
    per = {
        "velocity": f" {unit}/s",
        "acceleration": f" {unit}/s2",
        "residual RMS": f" {unit}",
        "contacts": " s",
    }
    return [name + per.get(name, "") for name in _HEADER]


def entity_row(record: Record, entity: Record) -> list[str]:
    """One entity's cells; contacts are times from the clip's start, y points down."""
    span = f"{entity['first_frame']}-{entity['last_frame']}"
    whole = entity["last_frame"] - entity["first_frame"] + 1
    return [
        str(entity["id"]),
        span if whole == entity["frames"] else f"{span} ({entity['frames']})",
        str(entity["points"]),
        _pair(entity["velocity"]),
        _pair(entity["acceleration"]),
        _cell(entity["residual_rms"]),
        "-" if entity["r_squared"] is None else f"{entity['r_squared']:.4f}",
        " ".join(f"{t:.2f}" for t in entity["contacts_s"]) or "-",
        f"{entity['score']:.3f}",
    ]


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _pair(values: Sequence[float | None]) -> str:
    return ", ".join("-" if v is None else f"{v:.1f}" if abs(v) >= 10 else f"{v:.2f}" for v in values)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Aligned lines, numbers to the right."""
    widths = [max(len(r[i]) for r in [header, *rows]) for i in range(len(header))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in [header, *rows]]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return lines


def html_page(records: Sequence[Record]) -> str:
    """A page with every clip's table and plots; plots are linked by their names in the same folder."""
    body = []
    for record in records:
        body.append(f"<h2>{html.escape(record['file'])}</h2>")
        if record["status"] != "ok":
            body.append(f"<p class=error>not scored: {html.escape(record['error'])}</p>")
            continue
        body.append(f"<p>{html.escape(_clip_line(record).split(': ', 1)[1])}</p><table><tr>")
        body += [f"<th>{html.escape(cell)}</th>" for cell in _units(record)]
        body.append("</tr>")
        for entity in record["entities"]:
            cells = "".join(f"<td>{html.escape(cell)}</td>" for cell in entity_row(record, entity))
            body.append(f"<tr>{cells}</tr>")
        body.append("</table>")
        notes = [f"entity {e['id']}: {note}" for e in record["entities"] for note in e["notes"]]
        body += [f"<p>{html.escape(text)}</p>" for text in [*notes, *record["warnings"]]]
        body += [f'<img src="{html.escape(name)}" alt="">' for name in record.get("plots", [])]
    style = (
        "body{font-family:sans-serif;margin:2em}table{border-collapse:collapse}"
        "td,th{padding:.2em .8em;text-align:right;border-bottom:1px solid #ccc}"
        "img{max-width:100%}.error{color:#a00}"
    )
    return (
        f"<!doctype html><meta charset=utf-8><title>kinetrace</title><style>{style}</style>"
        f"<h1>kinetrace score</h1>{''.join(body)}\n"
    )

"""A reliability diagram (DeGroot and Fienberg 1983) as SVG."""

from __future__ import annotations

from collections.abc import Sequence

_SIZE, _MARGIN = 320, 48
_STYLE = (
    "text{font:12px sans-serif;fill:#333}.axis{stroke:#999;fill:none}.even{stroke:#999;stroke-dasharray:4}"
    ".bin{fill:#2f6f9f}.gap{stroke:#c0504d;stroke-width:2}"
)


def reliability_svg(bins: Sequence[tuple[float, float, int]], error: float) -> str:
    """Draw bins, each with mean confidence, accuracy and count; a dot's area follows the count.

    Dots on the dashed line are as often right as they are sure; `error` is the expected calibration error.
    """
    most = max((count for _, _, count in bins), default=1)
    marks = []
    for confidence, accuracy, count in bins:
        x, y, even = _across(confidence), _up(accuracy), _up(confidence)
        title = f"<title>{confidence:.2f}: {accuracy:.2f} ({count})</title>"
        marks.append(f'<line class="gap" x1="{x}" y1="{even}" x2="{x}" y2="{y}"/>')
        marks.append(
            f'<circle class="bin" cx="{x}" cy="{y}" r="{3 + 7 * (count / most) ** 0.5:.1f}">{title}</circle>'
        )
    ticks = [
        f'<text x="{_across(at)}" y="{_up(0) + 18}" text-anchor="middle">{at:.1f}</text>'
        f'<text x="{_across(0) - 6}" y="{_up(at) + 4}" text-anchor="end">{at:.1f}</text>'
        for at in (0.0, 0.5, 1.0)
    ]
    side = _SIZE + 2 * _MARGIN
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" role="img">',
            f"<title>Reliability: expected calibration error {error:.3f}</title><style>{_STYLE}</style>",
            f'<rect width="{side}" height="{side}" fill="#fff"/>',
            f'<rect class="axis" x="{_MARGIN}" y="{_MARGIN}" width="{_SIZE}" height="{_SIZE}"/>',
            f'<line class="even" x1="{_across(0)}" y1="{_up(0)}" x2="{_across(1)}" y2="{_up(1)}"/>',
            *ticks,
            *marks,
            f'<text x="{side / 2}" y="{side - 8}" text-anchor="middle">confidence</text>',
            f'<text x="{_MARGIN}" y="{_MARGIN - 14}">share of answers that are right (ECE {error:.3f})</text>',
            "</svg>",
            "",
        )
    )


def _across(value: float) -> float:
    return round(_MARGIN + value * _SIZE, 1)


def _up(value: float) -> float:
    return round(_MARGIN + (1 - value) * _SIZE, 1)

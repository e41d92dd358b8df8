"""The figures of the corpus as a table, as bars, and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from dawu_qa.types import Figure
from dawu_qa.web.library import Library
from dawu_qa.web.markup import escape, language_of
from dawu_qa.web.texts import Language, text

_COLUMNS = ("amount", "value", "unit", "counts", "period", "section")
_BARS = 12
_TEN_THOUSAND = 10_000


def figures_html(library: Library, language: Language) -> str:
    """Return the bars and the table; each bar and row opens its place in the interview."""
    figures = [figure for figure in library.pipeline.figures if figure.span.source in library.numbers]
    title = f"<h2>{escape(text('figures.title', language))}</h2>"
    if not figures:
        return f"{title}<p>{escape(text('figures.none', language))}</p>"
    charts = "".join(
        _bars(
            library,
            [figure for figure in figures if figure.unit == unit],
            text(f"figures.{name}", language, count=_BARS),
            scale,
        )
        for name, unit, scale in (
            ("money", "元", _TEN_THOUSAND),
            ("people", "人", 1),
            ("households", "户", 1),
        )
    )
    return f"{title}{_controls(figures, language)}{_table(library, figures, language)}{charts}"


def figures_csv(library: Library, language: Language) -> str:
    """Return the figures as CSV, with a byte order mark, for spreadsheets."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([text(f"figures.{column}", language) for column in _COLUMNS])
    for figure in library.pipeline.figures:
        writer.writerow([_inert(cell) for cell in _cells(figure)])
    return "\ufeff" + out.getvalue()


def number(value: float) -> str:
    """Return a number with grouped digits and no needless decimals."""
    return f"{value:,.4f}".rstrip("0").rstrip(".")


def _cells(figure: Figure) -> tuple[str, ...]:
    plain = f"{figure.value:.4f}".rstrip("0").rstrip(".")
    return (figure.span.text, plain, figure.unit, figure.counts, figure.period, figure.section)


def _inert(cell: str) -> str:
    """Keep a spreadsheet from reading a text as a formula."""
    return (
        f"'{cell}"
        if cell[:1] in "=+-@\t\r" and not cell.lstrip("-").replace(".", "").isdigit() and cell
        else cell
    )


def _target(library: Library, figure: Figure) -> str:
    return f"#cite-{library.numbers[figure.span.source]}-{figure.span.start}-{figure.span.end}"


def _controls(figures: Sequence[Figure], language: Language) -> str:
    units = sorted({figure.unit for figure in figures if figure.unit})
    options = "".join(f"<option>{escape(unit)}</option>" for unit in units)
    shown = escape(text("figures.shown", language, shown="{shown}", total="{total}"))
    return (
        '<div class="dq-controls">'
        f"<label>{escape(text('figures.filter', language))} "
        f'<input type="search" id="dq-filter" placeholder="{escape(text("figures.filter_hint", language))}"></label>'
        f'<label>{escape(text("figures.unit_filter", language))} <select id="dq-unit">'
        f'<option value="">{escape(text("figures.all", language))}</option>{options}</select></label>'
        f'<a href="api/figures.csv?lang={language}" download="figures.csv" id="dq-csv">{escape(text("figures.csv", language))}</a>'
        f'<span role="status" id="dq-count" data-text="{shown}"></span></div>'
    )


def _table(library: Library, figures: Sequence[Figure], language: Language) -> str:
    head = "".join(
        f'<th scope="col" aria-sort="none"><button type="button" data-sort="{at}" '
        f'aria-label="{escape(text("figures.sort", language, column=text(f"figures.{column}", language)))}">'
        f"{escape(text(f'figures.{column}', language))}</button></th>"
        for at, column in enumerate(_COLUMNS)
    )
    rows = "".join(_row(library, figure, language) for figure in figures)
    caption = escape(text("figures.title", language))
    return (
        f'<div class="dq-wide" role="region" tabindex="0" aria-label="{caption}"><table id="dq-table">'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _row(library: Library, figure: Figure, language: Language) -> str:
    _, plain, *others = _cells(figure)
    cells = "".join(f"<td{language_of(cell)}>{escape(cell)}</td>" for cell in others)
    label = escape(f"{text('figures.open', language)}: {figure.span.text}")
    return (
        f'<tr data-unit="{escape(figure.unit)}"><td><a class="dq-open" href="{_target(library, figure)}" aria-label="{label}"'
        f"{language_of(figure.span.text)}>{escape(figure.span.text)}</a></td>"
        f'<td class="dq-number" data-value="{plain}">{escape(figure.qualifier)}{number(figure.value)}</td>{cells}</tr>'
    )


def _bars(library: Library, figures: Sequence[Figure], title: str, scale: int) -> str:
    """Return the largest figures of one unit as bars of comparable length."""
    largest = sorted((figure for figure in figures if figure.value > 0), key=lambda each: -each.value)[:_BARS]
    if not largest:
        return ""
    top = largest[0].value
    items = "".join(
        f'<li><a href="{_target(library, figure)}"{language_of(figure.counts)}>'
        f'<span class="dq-bar-name">{escape(figure.counts or figure.sentence.text[:30])}</span>'
        f'<span class="dq-bar-track"><span class="dq-bar-fill" style="width:{max(0.5, 100 * figure.value / top):.1f}%"></span></span>'
        f'<span class="dq-bar-value">{escape(figure.qualifier)}{number(figure.value / scale)}</span></a></li>'
        for figure in largest
    )
    return f'<section class="dq-bars"><h3>{escape(title)}</h3><ol>{items}</ol></section>'

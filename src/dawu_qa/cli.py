"""The command line. Results go to standard output, progress and logs to standard error."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dawu_qa.__about__ import __version__
from dawu_qa.errors import DawuQAError
from dawu_qa.terminal import print_answer, print_feedback, print_json, print_manifest, print_report, stages

if TYPE_CHECKING:
    from dawu_qa.index.storage import Manifest
    from dawu_qa.types import Encoder

_index_option = click.option(
    "--index",
    "index_dir",
    type=click.Path(path_type=Path),
    help="Folder of the index. [default: DAWU_QA_INDEX, else the own corpus's]",
)
_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


class _Commands(click.Group):
    """Turns the package's errors into one line and exit status 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (DawuQAError, ValueError) as error:
            click.echo(f"dawu-qa: {error}", err=True)
            ctx.exit(1)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
@click.option("-v", "--verbose", is_flag=True, help="Log what happens to standard error.")
def cli(*, verbose: bool) -> None:
    """Ask an interview in your own words; get its exact words back, with the place they stand at."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("dawu_qa").setLevel(logging.INFO if verbose else logging.WARNING)


@cli.command()
@_index_option
@click.option(
    "--corpus",
    "corpus_dir",
    type=click.Path(path_type=Path),
    help="Folder of the sources. [default: the own corpus]",
)
@click.option(
    "--encoder", "encoder_name", help="A sentence-transformers model on this machine, by name or folder."
)
@click.option("--force", is_flag=True, help="Build even if the index is up to date.")
@click.option(
    "--without-questions", is_flag=True, help="Leave the editors' questions out, to measure without."
)
@_json_option
def index(
    index_dir: Path | None,
    corpus_dir: Path | None,
    encoder_name: str | None,
    *,
    force: bool,
    without_questions: bool,
    as_json: bool,
) -> None:
    """Build the index of a corpus folder."""
    from dawu_qa.config import Settings

    settings = Settings.from_environment()
    target, corpus = index_dir or settings.index_dir, corpus_dir or settings.corpus_dir
    from dawu_qa.default_model import NAME
    from dawu_qa.encoder import SentenceTransformerEncoder
    from dawu_qa.index import storage
    from dawu_qa.index.build import build_index

    if settings.own_index and index_dir is None and corpus.resolve() != settings.corpus_dir.resolve():
        message = f"{target} is the index of {settings.corpus_dir} and is built from it again when it is used"
        click.echo(f"{message}; name another folder with --index for {corpus}", err=True)
    storage.corpus_checksums(corpus)  # an unusable corpus is reported before the encoder is looked for
    encoder = SentenceTransformerEncoder(encoder_name or NAME, lazy=True)
    with_sidecars = not without_questions
    if not force and (manifest := _up_to_date(target, corpus, encoder, with_sidecars=with_sidecars)):
        note = "up to date, nothing to do (--force builds it anew)"
    else:
        manifest = build_index(corpus, target, encoder=encoder, progress=True, with_sidecars=with_sidecars)
        note = "built"
    print_manifest(manifest, target, as_json=as_json, note=note)


def _up_to_date(
    index_dir: Path, corpus_dir: Path, encoder: Encoder, *, with_sidecars: bool
) -> Manifest | None:
    """Return the manifest of an index that a build as it is asked for would give again; else None."""
    from dawu_qa.index import storage

    try:
        manifest = storage.load(index_dir, corpus_dir=corpus_dir).manifest
    except DawuQAError:
        return None
    asked = (encoder.name, encoder.fingerprint, with_sidecars)
    built = (manifest.encoder, manifest.encoder_fingerprint, manifest.with_sidecars)
    return manifest if built == asked else None


@cli.command()
@_index_option
@_json_option
def info(index_dir: Path | None, *, as_json: bool) -> None:
    """Tell what is in the index, and whether it is up to date."""
    from dawu_qa.config import Settings
    from dawu_qa.index import storage
    from dawu_qa.index.mend import build_command

    folder = index_dir or Settings.from_environment().index_dir
    manifest, _ = storage.read_manifest(folder)
    reason = storage.stale_reason(manifest, folder)
    note = "up to date"
    if reason:
        note = f"stale: {reason}; run {build_command(folder, folder / manifest.corpus_dir)}"
    print_manifest(manifest, folder, as_json=as_json, note=note)


@cli.command()
@click.argument("question")
@click.option(
    "--history",
    multiple=True,
    metavar="QUESTION",
    help="A question asked before; may be repeated, oldest first.",
)
@click.option(
    "--top-k",
    default=3,
    show_default=True,
    type=click.IntRange(min=1),
    help="How many passages come with the answer.",
)
@click.option("--explain", is_flag=True, help="Show what each stage made of the question.")
@_index_option
@_json_option
def ask(
    question: str,
    history: tuple[str, ...],
    top_k: int,
    index_dir: Path | None,
    *,
    explain: bool,
    as_json: bool,
) -> None:
    """Answer QUESTION with the exact words of the corpus, or decline it."""
    from dawu_qa.pipeline import check_question, open_pipeline

    check_question(question, top_k)
    explained = open_pipeline(index_dir, progress=True).explain(question, history=history, top_k=top_k)
    if as_json:
        answer = {**asdict(explained.answer), "answered": explained.answer.answered}
        print_json({**answer, **({"explanation": stages(explained)} if explain else {})})
        return
    print_answer(explained.answer)
    if explain:
        print_json(stages(explained))


@cli.command()
@click.option("--host", help="Address to listen on. [default: DAWU_QA_HOST, else 127.0.0.1]")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port to listen on. [default: DAWU_QA_PORT, else 7860]"
)
@click.option("--auth", metavar="USER:PASSWORD", help="Let in only who knows them. [default: DAWU_QA_AUTH]")
@click.option(
    "--root-path", help="The path that a reverse proxy serves the page under. [default: DAWU_QA_ROOT_PATH]"
)
@click.option("--no-feedback", is_flag=True, help="Keep neither votes nor unanswered questions.")
@click.option("--log-questions", is_flag=True, help="Write the text of the questions to the log, too.")
@_index_option
def serve(
    host: str | None,
    port: int | None,
    auth: str | None,
    root_path: str | None,
    index_dir: Path | None,
    *,
    no_feedback: bool,
    log_questions: bool,
) -> None:
    """Open the chat page."""
    from dawu_qa.web import WebSettings
    from dawu_qa.web import serve as serve_page

    logging.getLogger("dawu_qa").setLevel(logging.INFO)
    settings = WebSettings.from_environment(
        host=host,
        port=port,
        credentials=auth,
        root_path=root_path,
        feedback=False if no_feedback else None,
        log_questions=log_questions or None,
    )
    serve_page(index_dir=index_dir, settings=settings)


@cli.group()
def feedback() -> None:
    """Read what the page kept for the editors."""


def _feedback_store() -> Any:
    from dawu_qa.config import Settings
    from dawu_qa.feedback import FILE_NAME, FeedbackStore

    return FeedbackStore(Settings.from_environment().data_dir / FILE_NAME)


@feedback.command("export")
def export_feedback() -> None:
    """Print unanswered questions and votes as lines of a questions sidecar, to fill in."""
    from dawu_qa.feedback import export_lines

    for line in export_lines(_feedback_store()):
        click.echo(line)


@feedback.command("report")
@_json_option
def report_feedback(*, as_json: bool) -> None:
    """Count unanswered questions and votes."""
    from dawu_qa.feedback import report

    counts = report(_feedback_store())
    if as_json:
        print_json(counts)
        return
    print_feedback(counts)


@cli.command("eval")
@click.argument("questions", type=click.Path(exists=True, path_type=Path), nargs=-1, required=True)
@click.option(
    "--translation",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Ask the questions of this SQuAD file instead, the same by id.",
)
@click.option(
    "--save",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to write the report to, named by method and commit.",
)
@_index_option
@_json_option
def evaluate_command(
    questions: tuple[Path, ...],
    translation: Path | None,
    save: Path | None,
    index_dir: Path | None,
    *,
    as_json: bool,
) -> None:
    """Measure the index on labelled QUESTIONS (JSON lines).

    Where one of the files is in the format of SQuAD (.json), its paragraphs are the corpus instead, in an index of
    their own. A folder of interviews with questions beside them is asked these, each interview without its sidecar.
    """
    from dawu_qa import evaluation
    from dawu_qa.pipeline import open_pipeline

    folders = [path for path in questions if path.is_dir()]
    asked = [one for path in questions if path.suffix == ".jsonl" for one in evaluation.read_labelled(path)]
    paragraphs = [
        paragraph
        for path in questions
        if path.suffix == ".json"
        for paragraph in evaluation.read_squad(path, translation=translation)
    ]
    asked += [one for paragraph in paragraphs for one in paragraph.questions]
    parts = [part for folder in folders for part in evaluation.open_interviews(folder)]
    if asked:
        pipeline = (
            evaluation.open_corpus(paragraphs) if paragraphs else open_pipeline(index_dir, progress=True)
        )
        parts.append((pipeline, asked))
    report = evaluation.evaluate(parts)
    if save:
        named = [path.stem for path in (*questions, translation) if path and path.suffix != ".jsonl"]
        path = evaluation.save_report(
            report, "-".join((*named, *{pipeline.kind for pipeline, _ in parts})), save
        )
        click.echo(f"saved {path}", err=True)
    if as_json:
        print_json(report.as_json())
        return
    print_report(report)


@cli.command()
@_index_option
@_json_option
def figures(index_dir: Path | None, *, as_json: bool) -> None:
    """List every quantity that the corpus states."""
    from dawu_qa.pipeline import figures as list_figures

    found = list_figures(index_dir)
    if as_json:
        print_json([asdict(figure) for figure in found])
        return
    for figure in found:
        click.echo(
            "\t".join(
                (
                    figure.span.text,
                    f"{figure.value:.12g}",
                    figure.unit,
                    figure.counts,
                    figure.period,
                    figure.section,
                )
            )
        )


@cli.group()
def questions() -> None:
    """Work on the questions that editors write beside a source."""


@questions.command("check")
@click.argument("source", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_json_option
def check_questions(source: Path, *, as_json: bool) -> None:
    """Validate the questions beside SOURCE and print what they cover."""
    from dawu_qa.corpus.check import check_sidecar

    report = check_sidecar(source)
    if as_json:
        print_json(asdict(report))
    else:
        click.echo(f"{report.facts} facts, {report.questions} questions, {report.unanswerable} unanswerable")
        click.echo(f"{report.covered} of {report.sentences} sentences are asked about")
        for problem in report.problems:
            click.echo(f"problem: {problem}")
    if report.problems:
        raise DawuQAError(
            f"{len(report.problems)} problems in the questions of {source.name}; mend the lines above"
        )


@questions.command("draft")
@click.argument("source", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--endpoint", required=True, help="Base URL of an OpenAI-compatible service; SOURCE is sent there."
)
@click.option("--model", required=True, help="Name of the model there.")
@_json_option
def draft_command(source: Path, endpoint: str, model: str, *, as_json: bool) -> None:
    """Draft the questions beside SOURCE for an editor to read, by a model behind ENDPOINT.

    Its key is taken from OPENAI_API_KEY. Needs the extra dawu-qa[draft].
    """
    from dawu_qa.drafting import draft_questions

    def show(done: int, total: int) -> None:
        click.echo(f"\r{done} of {total} passages", err=True, nl=done == total)

    draft = draft_questions(source, endpoint=endpoint, model=model, progress=show)
    if as_json:
        print_json(asdict(draft))
        return
    click.echo(
        f"{draft.path}: {draft.facts} facts, {draft.unanswerable} unanswerable questions; "
        f"{draft.dropped} facts dropped that do not stand in the source"
    )
    click.echo("read it, mend it, and rename it to NAME.questions.jsonl")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; arguments, paths and output are UTF-8 whatever the locale.

    Args:
        arguments: Default: those of the process.
    """
    if sys.getfilesystemencoding() != "utf-8":  # fixed when Python starts: start it again
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    cli(arguments)

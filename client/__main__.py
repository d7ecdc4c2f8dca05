"""The command line of the client: `python -m client video|audio [FILE]`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

from client.asking import Source, one_round, until_settled
from client.collected import Collected
from client.errors import ClientError, printable
from client.forms import Csv, Jsonl
from client.outcomes import FINAL
from client.output import File, Output, Stream
from client.screen import Table, progress, summary
from client.scripts import KINDS, choose_source
from client.sheet import Sheet, read_sheet, sheet_of
from shared.errors import QueryError
from shared.settings import read_settings
from shared.tasks import MISSING, UNANSWERED, Kind

#: Exit statuses: every id has an outcome, some are unanswered, the command can't run, Ctrl-C (as in shells).
ANSWERED, SOME_UNANSWERED, IMPOSSIBLE, STOPPED = 0, 1, 2, 130


class Options(NamedTuple):
    """The arguments and options."""

    kind: str
    file: str | None
    column: str | None
    ids: str | None
    url: str | None
    token: str | None
    format: str | None
    out: Path | None
    wait: bool
    results: str | None


@click.command(help="Show what became of video or audio tasks: a row for each row of FILE (a CSV, or a list of ids).")
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.argument("file", required=False)
@click.option("--column", metavar="NAME", help="the column with the ids; else vid, else the first")
@click.option("--ids", metavar="A,B", help="ids instead of a file")
@click.option("--url", envvar="MEDIA_QUERY_URL", show_envvar=True, help="a deployed function; else the API itself")
@click.option("--token", envvar="MEDIA_QUERY_TOKEN", show_envvar=True, help="the function's API_TOKEN")
@click.option("--format", type=click.Choice(["csv", "jsonl", "table"]), help="csv; a table on a terminal")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE", help="output file; if it exists, its final rows are kept"
)
@click.option("--wait", is_flag=True, help="ask again, with growing pauses, until no task is pending")
@click.option("--results", metavar="KEY", help="read a results object of the timer from COS; ask nothing")
def command(**given: Any) -> int:
    """Run the command and return the exit status."""
    options = Options(**given)
    kind = KINDS[options.kind]
    source, sheet = _input(options, kind)
    output = _output(options, sheet)
    output.start()
    try:
        _ask(options, source, [vid for vid in sheet.vids() if _outcome(output, vid) not in FINAL], output)
    finally:
        output.close()
    outcomes = [_outcome(output, vid) for vid in sheet.vids()]
    click.echo(summary(outcomes), err=True)
    if options.url and not options.results and set(outcomes) == {MISSING}:
        click.echo(f"client: none of the ids is known there: is this the URL of {kind.function}?", err=True)
    return SOME_UNANSWERED if UNANSWERED in outcomes else ANSWERED


def _ask(options: Options, source: Source, vids: Sequence[str], output: Output) -> None:
    """Ask about ids and pass their rows on as they come."""
    with progress(len(set(vids)), waits=options.wait) as bar:
        for outcomes in until_settled(source, vids, bar.pause) if options.wait else one_round(source, vids):
            bar.add(outcomes)
            output.add({outcome.vid: outcome.row for outcome in outcomes})


def _outcome(output: Output, vid: str) -> str:
    return output.known[vid]["outcome"] if vid in output.known else ""


def _input(options: Options, kind: Kind) -> tuple[Source, Sheet]:
    """Return the source to ask, and the rows with the ids."""
    if options.results is None:
        sheet = _sheet(options)
        return choose_source(kind, options.url or "", options.token or ""), sheet
    if options.wait:
        raise ClientError("--wait: can't be used with --results, which asks nothing")
    collected = Collected(kind, options.results, read_settings(os.environ))
    return collected, _sheet(options) if options.file or options.ids is not None else sheet_of(collected.vids)


def _sheet(options: Options) -> Sheet:
    """Return the rows of the file, of --ids or of standard input."""
    if options.ids is not None:
        if options.file or options.column:
            raise ClientError("--ids: can't be used with a file or --column")
        vids = [vid.strip() for vid in options.ids.split(",") if vid.strip()]
        if not vids:
            raise ClientError("--ids: no id given")
        return sheet_of(vids)
    if options.file in (None, "-"):
        if sys.stdin.isatty():
            raise ClientError("no ids: name a file, or give --ids A,B or standard input")
        return read_sheet("standard input", sys.stdin.buffer.read(), options.column)
    path = Path(str(options.file))
    return read_sheet(path.name, path.read_bytes(), options.column, header=path.suffix.lower() == ".csv")


def _output(options: Options, sheet: Sheet) -> Output:
    """Return the output for the rows."""
    form = Jsonl() if options.format == "jsonl" else Csv()
    if options.out:
        if options.format == "table":
            raise ClientError("--out: must be csv or jsonl; a table can't be continued")
        if _is_input(options):
            raise ClientError("--out: is the input file; name another one")
        return File(options.out, form, sheet)
    if options.format == "table" or (options.format is None and sys.stdout.isatty()):
        return Table(sys.stdout, sheet)
    return Stream(sys.stdout.buffer, form, sheet, waits=options.wait)


def _is_input(options: Options) -> bool:
    """Whether --out is the input file, under any name."""
    if options.out is None or options.ids is not None or not options.out.exists():
        return False
    out = options.out.stat()
    given = os.fstat(sys.stdin.fileno()) if options.file in (None, "-") else Path(str(options.file)).stat()
    return os.path.samestat(out, given)


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status; errors are one line on standard error."""
    try:
        status: int = command.main(arguments, prog_name="python -m client", standalone_mode=False)
    except click.Abort:
        click.echo("stopped; with --out, the same command continues", err=True)
        return STOPPED
    except click.ClickException as error:
        message = " ".join(error.format_message().split())
    except QueryError as error:
        message = error.message
    except OSError as error:
        message = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    except ClientError as error:
        message = str(error)
    else:
        return status
    click.echo(f"client: {printable(message)}", err=True)
    return IMPOSSIBLE


if __name__ == "__main__":
    sys.exit(main())

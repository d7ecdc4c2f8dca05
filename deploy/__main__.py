"""`python -m deploy`: package, plan, deploy, rollback, remove. Settings come from .env and the environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

try:
    import click

    from deploy.screen import Screen  # has rich
except ModuleNotFoundError:  # a Python outside the environment
    sys.stderr.write("deploy: not installed for this Python: use `make plan`, or .venv/bin/python -m deploy …\n")
    sys.exit(2)

from deploy import commands
from deploy.api import Clock
from deploy.commands import Surroundings
from deploy.dotenv import read_environment
from deploy.errors import DeployError
from deploy.package import ROOT

#: Exit statuses: done, failed, interrupted by Ctrl-C (as in shells).
DONE, FAILED, INTERRUPTED = 0, 2, 130
#: Variables whose values are never printed.
SECRETS = ("TENCENT_SECRET_ID", "TENCENT_SECRET_KEY", "TENCENT_TOKEN", "API_TOKEN", "SECRET_ID", "SECRET_KEY")

CLOCK = Clock()

Command = Callable[[Surroundings], None]


def run(command: Command, root: Path, environ: Mapping[str, str], as_json: bool, clock: Clock = CLOCK) -> int:
    """Run a command in the checkout `root` and return the exit status; each problem is a line on stderr."""
    screen = Screen(sys.stdout, sys.stderr, as_json=as_json)
    try:
        variables = read_environment(root / ".env", environ)
        screen.secrets = [variables.get(name, "") for name in SECRETS]
        command(Surroundings(root, variables, screen, clock=clock))
    except DeployError as error:
        screen.fail(error.problems)
        return FAILED
    except KeyboardInterrupt:
        screen.fail(["interrupted: run the same command again to finish"])
        return INTERRUPTED
    return DONE


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status; errors are one line on stderr."""
    try:
        return int(cli.main(arguments, prog_name="python -m deploy", standalone_mode=False) or DONE)
    except click.ClickException as error:
        click.echo(f"deploy: {error.format_message()}", err=True)
        return FAILED


@click.group(invoke_without_command=True)
@click.pass_context
def cli(context: click.Context) -> None:
    """Deploy the functions to a Tencent Cloud account.

    Keys (TENCENT_SECRET_ID, TENCENT_SECRET_KEY, TENCENT_TOKEN), COS_BUCKET, COS_REGION and the settings come from .env
    or from the environment, which wins. DEPLOY_ENDPOINT=http://127.0.0.1:9000 deploys to a local cloud (make serve).
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def _add(command: Command) -> None:
    """Add a command to the group; its help is the function's docstring."""

    @cli.command(command.__name__, help=command.__doc__)
    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line instead of text.")
    def run_it(as_json: bool) -> int:
        return run(command, ROOT, os.environ, as_json)


for each in (commands.package, commands.plan, commands.deploy, commands.rollback, commands.remove):
    _add(each)

if __name__ == "__main__":
    sys.exit(main())

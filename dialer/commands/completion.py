"""`dialer completion`: what makes a shell complete this command."""

import click
from click.shell_completion import get_completion_class

PROGRAM = "dialer"


@click.command()
@click.argument("shell", metavar="SHELL", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what makes SHELL (bash, zsh or fish) complete commands, options and ids of tasks.

    \b
    bash: dialer completion bash > /etc/bash_completion.d/dialer
    zsh:  dialer completion zsh > /usr/local/share/zsh/site-functions/_dialer
    fish: dialer completion fish > ~/.config/fish/completions/dialer.fish
    """
    found = get_completion_class(shell)
    assert found is not None  # noqa: S101 - click has these three
    root = click.get_current_context().find_root().command
    click.echo(found(root, {}, PROGRAM, f"_{PROGRAM.upper()}_COMPLETE").source())

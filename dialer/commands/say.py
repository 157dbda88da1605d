"""`dialer say`: a text as a subscriber would hear it."""

import asyncio
import logging
import shutil
import tempfile
from gettext import gettext as _
from pathlib import Path

import click

from dialer.commands.exits import EXIT_CONFIG
from dialer.commands.language import N_
from dialer.commands.options import DEFAULT_CONFIG
from dialer.compose.speech import build_cache, build_engines, build_prompts
from dialer.config import ConfigError, Settings, default_settings, load_settings
from dialer.model.flow import Prompt, PromptError
from dialer.model.texts import fill_text
from dialer.speech.chain import EngineChain
from dialer.speech.engines import SpeechEngine
from dialer.speech.reading import read_aloud
from dialer.speech.uploads import Uploads

_NEEDED = {
    "yandex": N_("needs [tts.yandex] api_key in the settings"),
    "piper": N_("needs [tts.piper] model in the settings"),
    "rhvoice": N_("is not installed: apt-get install rhvoice rhvoice-russian"),
}


@click.command()
@click.argument("text", metavar="TEXT")
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="WAV file to write.")
@click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path, readable=False),
    help="TOML settings file; without it /etc/autodialer/dialer.toml, or what is the default of each setting.",
)
@click.option("--engine", type=click.Choice(["yandex", "rhvoice", "piper", "espeak-ng"]), help="Only this one.")
@click.option("--lang", default="ru-RU", show_default=True)
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="For <NAME> in the text; repeatable.")
def say(  # noqa: PLR0917 - click passes them by name
    text: str, out: Path, config_file: Path, engine: str | None, lang: str, params: tuple[str, ...]
) -> None:
    """Write TEXT as a subscriber would hear it: 8 kHz WAV, numbers read, by the engine of the settings.

    Does not use the daemon and keeps nothing. Says which engine spoke.
    """
    logging.basicConfig(level="WARNING", format="%(message)s")
    wrong = [param for param in params if "=" not in param]
    if wrong:
        raise click.BadParameter(_("NAME=VALUE expected, got {got}").format(got=repr(wrong[0])), param_hint="--param")
    if config_file is None and DEFAULT_CONFIG.exists():
        config_file = DEFAULT_CONFIG
    try:
        settings = load_settings(config_file, needs_ami=False) if config_file else default_settings()
    except ConfigError as error:
        click.echo(str(error), err=True)
        raise SystemExit(EXIT_CONFIG) from None
    prompt = Prompt(fill_text(text, dict(param.split("=", 1) for param in params)), lang=lang)
    try:
        speaker = asyncio.run(_say(settings, engine, prompt, out))
    except (PromptError, OSError) as error:
        raise click.ClickException(str(error)) from None
    if not speaker.reads_russian:
        click.echo(_("read as: {text}").format(text=read_aloud(prompt.text, lang)))
    click.echo(_("{file}: spoken by {engine}").format(file=out, engine=speaker.name))


async def _say(settings: Settings, engine: str | None, prompt: Prompt, out: Path) -> SpeechEngine:
    """Speak into a folder that is thrown away; return which engine did."""
    engines = [one for one in build_engines(settings.tts) if engine in (None, one.name)]
    if not engines:
        needed = _(_NEEDED[str(engine)])
        raise PromptError(f"{engine}: {needed}")
    chain = EngineChain(engines)
    with tempfile.TemporaryDirectory(prefix="dialer-say-") as folder:
        audio = settings.audio.model_copy(update={"dir": Path(folder)})
        aside = settings.model_copy(update={"audio": audio})
        prompts = build_prompts(aside, chain, build_cache(aside), Uploads(audio.dir))
        try:
            prompts.set_up()
            await asyncio.to_thread(shutil.copyfile, await prompts.fetch(prompt), out)
        finally:
            await prompts.close()
    report = chain.report()
    return next(one for one in engines if report[one.name]["spoken"])

"""What subscribers hear: which engines speak, in which order, and where what they said is kept."""

from dialer.compose import MB
from dialer.config import Settings, Tts
from dialer.speech.cache import PromptCache
from dialer.speech.chain import EngineChain
from dialer.speech.engines import SpeechEngine
from dialer.speech.local import EspeakNg, Piper, RhVoice
from dialer.speech.melodies import Melodies
from dialer.speech.prompts import PromptLibrary
from dialer.speech.uploads import Uploads
from dialer.speech.yandex import Yandex

DAY_S = 86_400


class Speech:
    """The engines behind their cache."""

    def __init__(self, settings: Settings) -> None:
        self.voices = EngineChain(build_engines(settings.tts))
        self.cache = build_cache(settings)
        self.uploads = Uploads(settings.audio.dir)
        self.prompts = build_prompts(settings, self.voices, self.cache, self.uploads)


def build_engines(settings: Tts) -> list[SpeechEngine]:
    """The engine of the settings first, then whatever else is configured or installed, espeak-ng last."""
    engines: list[SpeechEngine] = []
    if settings.yandex.api_key.get_secret_value():
        yandex = settings.yandex
        key = yandex.api_key.get_secret_value()
        engines.append(
            Yandex(
                key,
                yandex.folder_id,
                yandex.voice,
                female_voice=yandex.female_voice,
                male_voice=yandex.male_voice,
                url=yandex.url,
                timeout_s=yandex.timeout_s,
            )
        )
    if settings.engine == "rhvoice" or RhVoice.installed():
        rhvoice = settings.rhvoice
        engines.append(RhVoice(rhvoice.voice, female_voice=rhvoice.female_voice, male_voice=rhvoice.male_voice))
    if settings.piper.model is not None:
        piper = settings.piper
        engines.append(Piper(settings.piper.model, female_model=piper.female_model, male_model=piper.male_model))
    espeak = settings.espeak_ng
    engines.append(EspeakNg(espeak.voice, female_voice=espeak.female_voice, male_voice=espeak.male_voice))
    return sorted(engines, key=lambda engine: engine.name != settings.engine)


def build_prompts(settings: Settings, chain: EngineChain, cache: PromptCache, uploads: Uploads) -> PromptLibrary:
    audio = settings.audio
    return PromptLibrary(
        cache,
        chain,
        uploads,
        [audio.dir, *audio.allowed_dirs],
        private_dirs=[audio.recordings],
        max_file_s=audio.max_upload_s,
        melodies=Melodies(audio.dir / "melodies"),
    )


def build_cache(settings: Settings) -> PromptCache:
    tts = settings.tts
    return PromptCache(settings.audio.dir / "prompts", tts.cache_max_mb * MB, tts.cache_max_age_days * DAY_S)

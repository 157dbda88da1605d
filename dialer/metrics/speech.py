"""Text to speech, and the cache of what was spoken."""

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from dialer.metrics.buckets import SPEAK_S


class SpeechMetrics:
    """By engine; there are four at the most."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._texts = Counter(
            "autodialer_tts_texts",
            "Texts given to an engine, by what came of it",
            ("engine", "result"),
            registry=registry,
        )
        self._time = Histogram(
            "autodialer_tts_speak_seconds",
            "How long an engine and the conversion took for a text that was spoken",
            ("engine",),
            buckets=SPEAK_S,
            registry=registry,
        )
        self._resting = Gauge(
            "autodialer_tts_engine_resting", "1: left alone for a while after failures", ("engine",), registry=registry
        )
        self._lookups = Counter(
            "autodialer_tts_cache_lookups",
            "Prompts asked for: kept already (hit) or to be made (miss); kind: text or sound file",
            ("kind", "result"),
            registry=registry,
        )
        self.cache_bytes = Gauge("autodialer_tts_cache_bytes", "Size of the prompt cache", registry=registry)
        self.cache_max_bytes = Gauge(
            "autodialer_tts_cache_max_bytes", "[tts] cache_max_mb: beyond it the oldest goes", registry=registry
        )
        for kind in ("text", "file"):
            for result in ("hit", "miss"):
                self._lookups.labels(kind, result)

    def engines_are(self, names: Iterable[str]) -> None:
        """They are shown from the start."""
        for name in names:
            self._time.labels(name)
            for result in ("spoken", "failed"):
                self._texts.labels(name, result)

    def tried(self, engine: str, took_s: float, spoken: bool) -> None:
        self._texts.labels(engine, "spoken" if spoken else "failed").inc()
        if spoken:
            self._time.labels(engine).observe(took_s)

    def looked_up(self, kind: str, found: bool) -> None:
        self._lookups.labels(kind, "hit" if found else "miss").inc()

    def show(self, resting: Mapping[str, bool]) -> None:
        for engine, rests in resting.items():
            self._resting.labels(engine).set(rests)

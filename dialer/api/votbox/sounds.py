"""Sounds of an account: uploaded with a template or for later, or texts to be spoken."""

import asyncio
import re
import secrets
from pathlib import PurePath

from dialer.api.votbox.accounts import Account
from dialer.api.votbox.errors import Code, VotboxError, quoted
from dialer.api.votbox.facade import Call, Item, VotboxCall
from dialer.api.votbox.form import Form, SentFile
from dialer.model.audit import Change, said_of
from dialer.model.flow import Prompt, PromptError, Voice
from dialer.model.template import Sound
from dialer.speech.prompts import MAX_TEXT_CHARS, PromptLibrary
from dialer.speech.uploads import Uploads, check_name
from dialer.store.audio import delete_audio, fetch_known, find_audio, save_audio
from dialer.store.audit import audited
from dialer.store.database import Store

VOICES = {"0": Voice.FEMALE, "1": Voice.MALE}
_FILE_ID = re.compile(r"[^\x00-\x1f/\\|]{1,100}")
_ENDINGS = frozenset({".cda", ".m2a", ".mp1", ".mp2", ".mp3", ".mpga", ".mpa", ".mpx", ".mpg", ".wav"})


class SoundStore:
    """Keeps files where the engine keeps those of pollings, under names that no two accounts share."""

    def __init__(self, store: Store, uploads: Uploads, prompts: PromptLibrary, max_bytes: int) -> None:
        self._store = store
        self._uploads = uploads
        self._prompts = prompts
        self._max_bytes = max_bytes

    def calls(self) -> tuple[VotboxCall, ...]:
        return (VotboxCall("autocall.mediafile", self.upload),)

    async def upload(self, call: Call) -> list[Item]:
        """13. AUTOCALL CREATE WAV FILE."""
        form = call.form
        file_id = form.text("UserID") or str(10**11 + secrets.randbelow(9 * 10**11))
        name = _name(call.account, file_id)
        if name is None:
            raise VotboxError(Code.WRONG, "UserID: ожидается до 100 знаков (190 байт) без / \\ | и управляющих")
        sent = form.file("userfile")
        if sent is not None:
            await self._save(call.account, name, "userfile", sent)
        else:
            sound = self.text_of(form, "userfile")
            if sound is None:
                raise VotboxError(Code.MISSING, "userfile: ожидается звуковой файл или текст tts_userfile")
            await self._save_spoken(call.account, name, sound)
        stored = await self._store.read(lambda connection: find_audio(connection, name))
        return [("obj", {"id": file_id, "size": None if stored is None else stored.size_bytes})]

    async def sound_of(self, call: Call, field: str) -> Sound | None:
        """The file FIELD or the text tts_FIELD of a form; None: neither. The file goes if the call is refused."""
        sent = call.form.file(field)
        if sent is None:
            return self.text_of(call.form, field)
        name = f"{call.account.name}|{secrets.token_hex(12)}"
        await self._save(call.account, name, field, sent)
        call.undo.append(lambda: self._remove(name, call.account.name))
        return Sound(file=name)

    @staticmethod
    def text_of(form: Form, field: str) -> Sound | None:
        text = form.text(f"tts_{field}")
        if text is None:
            return None
        if len(text) > MAX_TEXT_CHARS:
            raise VotboxError(Code.WRONG, f"tts_{field}: не более {MAX_TEXT_CHARS} знаков, получено {len(text)}")
        voice = form.choice(f"tts_voice_{field}", tuple(VOICES))
        return Sound(text=text, voice=Voice.ANY if voice is None else VOICES[voice])

    async def find(self, account: Account, file_ids: set[str]) -> dict[str, str]:
        """The names of files by the ids that lists know them by; those that there are."""
        names = {file_id: name for file_id in file_ids if (name := _name(account, file_id)) is not None}
        known = await self._store.read(lambda connection: fetch_known(connection, list(names.values())))
        return {file_id: name for file_id, name in names.items() if name in known}

    async def _save(self, account: Account, name: str, field: str, sent: SentFile) -> None:
        """Under the name that prompts know it by. Converted before it is kept: what cannot be played is refused."""
        ending = PurePath(sent.name).suffix.lower()
        if ending and ending not in _ENDINGS:
            raise VotboxError(
                Code.WRONG, f"{field}: допустимые форматы: {' '.join(sorted(_ENDINGS))}; получено {quoted(sent.name)}"
            )
        if len(sent.content) > self._max_bytes:
            raise VotboxError(Code.TOO_LARGE, f"{field}: файл больше {self._max_bytes} байт")
        temporary = self._uploads.aside()
        try:
            await asyncio.to_thread(temporary.write_bytes, sent.content)
            await self._prompts.convert(temporary)
            await asyncio.to_thread(self._uploads.save, name, temporary)
        except PromptError as error:
            raise VotboxError(Code.WRONG, f"{field}: файл нельзя проиграть: {error}") from None
        except OSError as error:
            raise VotboxError(Code.INTERNAL, f"{field}: файл не сохранён: {error.strerror}") from None
        finally:
            temporary.unlink(missing_ok=True)
        kept = Change("audio.save", name, said_of({"bytes": len(sent.content)}))
        await self._store.write(audited(save_audio(name, len(sent.content), account.name), lambda _: kept))

    async def _remove(self, name: str, owner: str) -> None:
        removing = delete_audio(name, str(self._uploads.path_of(name)), owner)
        await self._store.write(audited(removing, lambda done: Change("audio.delete", name) if done else None))
        await asyncio.to_thread(self._uploads.remove, name)

    async def _save_spoken(self, account: Account, name: str, sound: Sound) -> None:
        try:
            spoken = await self._prompts.fetch(Prompt(sound.text, voice=sound.voice))
            content = await asyncio.to_thread(spoken.read_bytes)
        except PromptError as error:
            raise VotboxError(Code.INTERNAL, f"tts_userfile: текст не произнесён: {error}") from None
        await self._save(account, name, "tts_userfile", SentFile("", content))


def _name(account: Account, file_id: str) -> str | None:
    """What the file is kept under; None: none can be called so."""
    try:
        return check_name(f"{account.name}|{file_id}") if _FILE_ID.fullmatch(file_id) else None
    except ValueError:
        return None

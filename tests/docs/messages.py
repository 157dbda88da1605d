"""What the daemon and its commands can say when something is wrong: the texts in the code, with … for what varies.

`python -m tests.docs.messages en` prints those that the page of errors does not have yet.
"""

import ast
import re
import sys
from collections.abc import Iterator

from tests.docs.pages import REPO, page

TELLERS = {
    "RefusedError", "TaskRefusedError", "refusal", "_failure", "Refusal",  # REST, why
    "SheetError", "AudioError", "PromptError", "UnplayableError", "UnstoredError", "SpeechError", "EngineDownError",
    "DeliveryError", "ForbiddenAddressError",
    "ConfigError", "StartError", "StoreError", "DatabaseRefusedError", "InUseError", "damaged",  # start
    "ClickException", "UsageError", "BadParameter",  # commands
    "UnavailableError", "NotNowError", "NoPermissionError", "WrongSettingsError",
    "Verdict",  # cause
}  # fmt: skip
LOGS = {"warning", "error", "exception"}
_EXPECTED = re.compile(r"\bexpected\b|ожида")
"""A refusal of a value says by itself what is expected: the page tells that once, not for each field."""


def told() -> dict[str, str]:
    """Each text and where the code has it."""
    found: dict[str, str] = {}
    for file in sorted([*REPO.glob("dialer/**/*.py"), *REPO.glob("agi/**/*.py")]):
        if "votbox" in file.parts or "install" in file.parts:
            continue  # answers of VotBox are Russian sentences that name the parameter; the installer has a page
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                for text in _texts(node):
                    if _says_something(text):
                        found.setdefault(text, f"{file.relative_to(REPO)}:{node.lineno}")
    return found


def missing(language: str) -> dict[str, str]:
    """Those that the page does not have."""
    known = plain(page(language, "errors"))
    return {text: place for text, place in told().items() if not re.search(_any(plain(text)), known)}


def _any(text: str) -> str:
    """The page may have an example where the text has a …"""
    return ".{1,60}?".join(map(re.escape, re.split("…+", text)))


def plain(text: str) -> str:
    """Without what Markdown and Python write differently."""
    return re.sub(r"\s+", " ", text.replace("\\|", "|").replace("`", ""))


def _texts(call: ast.Call) -> Iterator[str]:
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    of = call.func.value if isinstance(call.func, ast.Attribute) else None
    if isinstance(of, ast.Name) and of.id == "log" and name in LOGS and call.args:
        yield _pattern(call.args[0])
    elif name in TELLERS:
        for argument in call.args:
            for one in argument.elts if isinstance(argument, ast.List | ast.Tuple) else [argument]:
                yield _pattern(one)


def _pattern(node: ast.expr) -> str:
    """A text with … for what varies; empty: no text."""
    match node:
        case ast.Constant(value=str(text)):
            return re.sub(r"%[-0-9.]*[a-zA-Z]", "…", text)
        case ast.JoinedStr(values=values):
            parts = (str(one.value) if isinstance(one, ast.Constant) else "…" for one in values)
            return "".join(parts)
        case ast.Call(func=ast.Attribute(value=ast.Call(args=[translated]), attr="format")):
            return re.sub(r"{\w*}", "…", _pattern(translated))  # _("{file} is there already").format(file=…)
        case ast.Call(func=ast.Name(id="_"), args=[translated]):
            return _pattern(translated)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return (_pattern(left) or "…") + (_pattern(right) or "…")
    return ""


def _says_something(text: str) -> bool:
    words = re.findall(r"[A-Za-z]{2,}", text)
    return len(words) > 1 and not _EXPECTED.search(text)


if __name__ == "__main__":
    for one, where in missing(sys.argv[1]).items():
        print(f"{where}: {one}")

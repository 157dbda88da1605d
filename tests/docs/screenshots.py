"""Pictures of the console for the documentation: `python -m tests.docs.screenshots`, in both languages.

Writes docs/pages/assets/console-*.webp, from the daemon with a past that the console's own tests have.
"""

import asyncio
import subprocess
import tempfile
from pathlib import Path

from playwright.async_api import Browser, async_playwright

from tests.api.conftest import running_dialer
from tests.console.browsing import CHROMIUM, looking
from tests.console.past import Past, make_past
from tests.docs.pages import LANGUAGES, PAGES

HEIGHT = 1100
"""Pictures end there: the lower half of a long screen says nothing new."""


def screens(past: Past) -> dict[str, str]:
    """Name of the picture and address of the screen."""
    return {
        "task": f"tasks/{past.task_id}",
        "numbers": f"tasks/{past.task_id}/numbers",
        "polling": f"pollings/{past.graph_id}",
    }


async def shoot(browser: Browser, url: str, past: Past, language: str, folder: Path) -> None:
    async with looking(browser, url, lang=language) as look:
        for name, screen in screens(past).items():
            await look.open(screen)
            await look.settled()
            await look.page.set_viewport_size({"width": 1280, "height": HEIGHT})
            picture = folder / f"{name}.png"
            await look.page.screenshot(path=picture, animations="disabled")
            target = PAGES / f"assets/console-{name}.{language}.webp"
            convert = ("ffmpeg", "-loglevel", "error", "-y", "-i", str(picture), "-quality", "82", str(target))
            await asyncio.to_thread(subprocess.run, convert, check=True)


async def main() -> None:
    async with running_dialer() as dialer, async_playwright() as playwright:
        past = await make_past(dialer)
        await dialer.start()
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        with tempfile.TemporaryDirectory() as folder:
            for language in LANGUAGES:
                await shoot(browser, dialer.url, past, language, Path(folder))
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main())

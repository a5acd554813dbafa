"""What the names of images mean: asked of the engine once, when the daemon starts; moving a tag afterwards changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from poller.execution.container.engine import Engine, EngineError, Found
from poller.execution.contract import EngineImage
from poller.observe.events import Emit, EngineFailedError, ImageResolved


class Images:
    """The images of all functions. engine: raises EngineError."""

    def __init__(self, engine: Callable[[], Engine], emit: Emit) -> None:
        self._engine = engine
        self._emit = emit
        self._asked: dict[tuple[str, str], asyncio.Task[Found]] = {}

    async def found(self, image: EngineImage) -> Found:
        """The image; asked for again if that has failed before. A caller that goes away does not stop it from being fetched.

        Raises EngineError.
        """
        key = (image.name, image.pull)
        task = self._asked.get(key)
        if task is None or (task.done() and (task.cancelled() or task.exception())):
            task = self._asked[key] = asyncio.create_task(self._ask(image), name=f"image {image.name}")
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Fetch nothing any more."""
        for task in self._asked.values():
            task.cancel()
        await asyncio.gather(*self._asked.values(), return_exceptions=True)

    async def _ask(self, image: EngineImage) -> Found:
        try:
            found = await self._engine().image(image.name, image.pull)
        except EngineError as error:
            self._emit(EngineFailedError(verb="image", message=str(error)))
            raise
        self._emit(ImageResolved(image=image.name, digest=found.digest))
        return found

"""Tags of functions: TagResource, UntagResource, ListTags. Kept and told; nothing here acts on them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from poller.control.api.catalogue import Catalogue
from poller.control.api.contract import ApiError, Call, Handler
from poller.control.api.limits import check_tags
from poller.control.api.names import missing, named
from poller.control.api.refusals import invalid, told


class Tags:
    """catalogue: of the functions."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def handlers(self) -> Mapping[str, Handler]:
        """By operation."""
        return {"ListTags": self._list, "TagResource": self._tag, "UntagResource": self._untag}

    async def _list(self, call: Call) -> Mapping[str, Any]:
        made = self._catalogue.made(self._function(call))
        return {"Tags": dict(made.shown.get("Tags", {})) if made else {}}

    async def _tag(self, call: Call) -> Mapping[str, Any]:
        if not call.params["Tags"]:
            raise invalid("An error occurred and the request cannot be processed.")
        await self._change(self._function(call), add=call.params["Tags"])
        return {}

    async def _untag(self, call: Call) -> Mapping[str, Any]:
        await self._change(self._function(call), remove=call.params["TagKeys"])
        return {}

    async def _change(self, name: str, add: Mapping[str, str] | None = None, remove: Any = ()) -> None:
        with told():
            async with self._catalogue.desired.change() as change:
                self._catalogue.desired.refuse_filed("functions", name)
                made = change.made("functions", name)
                if made is None:
                    raise missing(self._catalogue.account.function(name))
                tags = {key: value for key, value in made.shown.get("Tags", {}).items() if key not in remove}
                tags |= add or {}
                check_tags(tags)
                change.put(dataclasses.replace(made, shown={**made.shown, "Tags": tags}))

    def _function(self, call: Call) -> str:
        """Name of the function whose ARN is given. Raises ApiError when there is none, or it is no function's."""
        arn = call.params["Resource"]
        if ":function:" not in arn:
            raise ApiError("ResourceNotFoundException", f"{arn} has no tags here; functions have")
        found = named(arn, self._catalogue.account)
        if found.qualifier:
            sentence = "Tags on function aliases and versions are not supported. Please specify a function ARN."
            raise invalid(sentence)
        self._catalogue.refuse_missing(found.name)
        return found.name

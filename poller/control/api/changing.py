"""A change of what is wished for, refused as AWS refuses."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from poller.control.api.contract import ApiError
from poller.control.desired import Change, Desired, FiledError, RefusedError
from poller.control.store import StoreError
from poller.settings.package import PackageError


@contextlib.asynccontextmanager
async def changing(desired: Desired) -> AsyncIterator[Change]:
    """``Desired.change``, of which only ApiError comes."""
    try:
        async with desired.change() as change:
            yield change
    except RefusedError as error:
        sentence = "Invalid filter pattern definition." if "filter_criteria" in error.keys else str(error)
        raise ApiError("InvalidParameterValueException", sentence) from error
    except PackageError as error:
        raise ApiError("InvalidParameterValueException", str(error)) from error
    except FiledError as error:
        raise ApiError("ResourceConflictException", str(error)) from error
    except StoreError as error:
        raise ApiError("ServiceException", str(error)) from error

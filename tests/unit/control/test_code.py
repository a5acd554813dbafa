"""From a function's settings to the folders that a driver starts it from."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from poller.control.assemble import spec
from poller.control.preflight import runnable
from poller.execution.contract import Driver, Environment, FunctionSpec
from poller.settings.model import FunctionSettings, ImageCode, ImageConfig, Settings
from poller.settings.package import PackageError
from tests.images import file, layout, tar


class AnyDriver(Driver):
    """Runs everything, if one believes it."""

    def problems(self, spec: FunctionSpec) -> list[str]:
        return []

    def environment(self, spec: FunctionSpec) -> Environment:
        raise NotImplementedError

    async def close(self) -> None:
        pass


def made(tmp_path: Path, **keys: Any) -> FunctionSpec:
    return spec("f", FunctionSettings(**keys), Settings(state=str(tmp_path / "state")))


def image(tmp_path: Path, **settings: Any) -> ImageCode:
    return ImageCode(image=str(layout(tmp_path / "image", tar(file("run", mode=0o755)), **settings)))


def test_a_package_without_layers(tmp_path: Path) -> None:
    found = made(tmp_path, code=str(tmp_path), runtime="python3.11", handler="app.handler")
    assert (found.task_root, found.layers_root, found.image) == (str(tmp_path), None, None)


def test_layers_are_merged_into_one_folder(tmp_path: Path) -> None:
    layers = [tmp_path / "one", tmp_path / "two"]
    for layer in layers:
        layer.mkdir()
        (layer / layer.name).touch()
    found = made(tmp_path, code=str(tmp_path / "one"), runtime="r", handler="h", layers=tuple(map(str, layers)))
    assert found.layers_root is not None
    assert sorted(path.name for path in Path(found.layers_root).iterdir()) == ["one", "two"]


def test_an_image_as_it_is(tmp_path: Path) -> None:
    code = image(tmp_path, Entrypoint=["/run"], Cmd=["a"], WorkingDir="/w", Env=["A=image", "B=image"])
    found = made(tmp_path, code=code, environment={"B": "function", "C": "function"})
    assert found.image is not None
    assert (found.runtime, found.handler, found.task_root) == ("", "", str(found.image.root))
    assert (found.image.argv, found.image.working_directory) == (("/run", "a"), "/w")
    assert found.image.environment == {"A": "image", "B": "function", "C": "function"}
    assert (found.image.root / "run").is_file()


@pytest.mark.parametrize(("config", "argv", "folder"), [
    (ImageConfig(entry_point=("/x",)), ("/x", "a"), "/w"),
    (ImageConfig(command=("b", "c")), ("/run", "b", "c"), "/w"),
    (ImageConfig(command=()), ("/run",), "/w"),
    (ImageConfig(working_directory="/v"), ("/run", "a"), "/v"),
])  # fmt: skip
def test_each_override_replaces_its_own_setting(
    tmp_path: Path, config: ImageConfig, argv: tuple[str, ...], folder: str
) -> None:
    found = made(tmp_path, code=image(tmp_path, Entrypoint=["/run"], Cmd=["a"], WorkingDir="/w"), image_config=config)
    assert found.image is not None
    assert (found.image.argv, found.image.working_directory) == (argv, folder)


def test_an_image_with_nothing_to_start_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match="neither ENTRYPOINT nor CMD"):
        made(tmp_path, code=image(tmp_path))


def test_an_image_that_cannot_be_unpacked_is_found_before_the_start(tmp_path: Path) -> None:
    function = FunctionSettings(code=image(tmp_path, Cmd=["/run"]))
    settings = Settings(state=str(tmp_path / "state"), functions={"f": function})
    assert list(runnable(settings, AnyDriver())) == []
    (tmp_path / "image" / "index.json").write_text("{}")
    [finding] = runnable(dataclasses.replace(settings, state=str(tmp_path / "other")), AnyDriver())
    assert finding.keys == ("functions", "f", "code")
    assert "a list of JSON objects is missing" in finding.sentence

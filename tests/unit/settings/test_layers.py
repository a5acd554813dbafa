"""What is said of layers and images that cannot be used, with its place."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from poller.settings import package
from poller.settings.image import NOT_FOR_IMAGES
from poller.settings.load import load
from poller.settings.model import ImageCode, ImageConfig
from tests.unit.settings.pretended import Write, complaints, document

IMAGE = {"code": {"image": "./image"}}


def zipped(path: str, **members: bytes) -> None:
    with zipfile.ZipFile(path, "w") as opened:
        for name, content in members.items():
            opened.writestr(name, content)


def function(**keys: Any) -> str:
    """Return a configuration whose one function has these keys beside, or in place of, the usual ones."""
    usual = {"code": "./code", "runtime": "python3.11", "handler": "app.handler"}
    kept = {key: value for key, value in (usual | keys).items() if value is not None}
    return json.dumps(document(functions={"orders": kept}))


def said(write: Write, **keys: Any) -> list[str]:
    """What is said of the function, without the file's name and the position in it."""
    found = complaints(write(function(**keys), "pollerd.json"))
    here = f"{Path.cwd()}/"
    return [line.split(": ", 1)[1].removeprefix("functions.orders").replace(here, "") for line in found]


def test_layers_are_paths_relative_to_the_file(write: Write) -> None:
    Path("layers/common").mkdir(parents=True)
    zipped("layers/more.zip", a=b"")
    settings = load(write(function(layers=["./layers/common", "layers/more.zip"]), "pollerd.json"))
    assert settings.functions["orders"].layers == (f"{Path.cwd()}/layers/common", f"{Path.cwd()}/layers/more.zip")


def test_each_layer_that_cannot_be_used_has_its_sentence(write: Write) -> None:
    Path("text.txt").touch()
    Path("bad.zip").write_text("no zip")
    zipped("good.zip", a=b"")
    Path("out").mkdir()
    Path("out/link").symlink_to("/etc")
    assert said(write, layers=["missing.zip", "text.txt", "bad.zip", "good.zip", "out"]) == [
        ".layers[0]: there is no missing.zip",
        ".layers[1]: text.txt is neither a folder nor a .zip",
        ".layers[2]: bad.zip is no readable .zip: File is not a zip file; pack it anew",
        ".layers[4]: out holds a link, 'link', that leads out of the package: to '/etc'",
    ]


def test_the_place_of_a_layer_is_its_line(write: Write) -> None:
    text = "functions:\n  f:\n    code: ./code\n    runtime: python3.11\n    handler: app.handler\n    layers:\n      - ./no.zip\n"
    assert complaints(write(text))[0].startswith("pollerd.yaml:7:9: functions.f.layers[0]: there is no ")


def test_five_layers_are_the_most(write: Write) -> None:
    for at in range(6):
        Path(f"l{at}").mkdir()
    assert said(write, layers=[f"l{at}" for at in range(6)]) == [".layers: 6 layers; a function may have 5"]
    assert load(write(function(layers=[f"l{at}" for at in range(5)]), "pollerd.json"))


def test_a_layer_named_twice(write: Write) -> None:
    Path("l").mkdir()
    assert said(write, layers=["l", "./l"]) == [".layers[1]: this layer is named twice; leave one out"]


def test_package_and_layers_share_one_limit(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    size = Path("code/app.py").stat().st_size
    monkeypatch.setattr(package, "MOST_UNPACKED_BYTES", size + 10)
    zipped("a.zip", same=b"x" * 6)
    zipped("b.zip", same=b"x" * 5)
    sentence = f".layers[1]: package and layers together must be smaller than {size + 10} bytes unpacked"
    assert said(write, layers=["a.zip", "b.zip"]) == [sentence]


def test_what_a_folder_or_zip_needs_and_an_image_only_has(write: Write) -> None:
    assert said(write, runtime=None, handler=None, image_config={"command": ["a"]}) == [
        ".runtime: this key is required",
        ".handler: this key is required",
        ".image_config: only an image has this; code: {image: ...} is one",
    ]


def test_an_image_and_its_overrides(write: Write) -> None:
    Path("image").mkdir()
    config = {"entry_point": ["/run", "-v"], "working_directory": "/app"}
    settings = load(write(function(**IMAGE, runtime=None, handler=None, image_config=config), "pollerd.json"))
    found = settings.functions["orders"]
    assert found.code == ImageCode(image=f"{Path.cwd()}/image")
    assert found.image_config == ImageConfig(entry_point=("/run", "-v"), working_directory="/app")


@pytest.mark.parametrize("reference", ["./image:tag", "./image@sha256:" + "0" * 64])
def test_an_image_may_have_a_tag_or_digest(write: Write, reference: str) -> None:
    Path("image").mkdir()
    assert load(write(function(code={"image": reference}, runtime=None, handler=None), "pollerd.json"))


def test_an_image_takes_none_of_what_a_zip_has(write: Write) -> None:
    Path("image").mkdir()
    Path("l").mkdir()
    assert sorted(said(write, **IMAGE, layers=["l"])) == [
        f".{name}: {NOT_FOR_IMAGES}; leave it out" for name in ("handler", "layers", "runtime")
    ]


def test_an_image_that_is_not_here(write: Write) -> None:
    [line] = said(write, code={"image": "public.ecr.aws/lambda/python:3.12"}, runtime=None, handler=None)
    assert line.startswith(
        ".code.image: there is no public.ecr.aws/lambda/python:3.12; an image is an OCI layout or a saved archive"
    )
    assert "skopeo copy docker://" in line


def test_an_image_s_settings_have_limits(write: Write) -> None:
    Path("image").mkdir()
    config = {"command": ["x"] * 1501, "entry_point": ["x" * 15_000], "working_directory": "/" * 1001}
    assert [
        line.replace("20,", "") for line in said(write, **IMAGE, runtime=None, handler=None, image_config=config)
    ] == [
        f".image_config: these settings take {len(json.dumps(config, separators=(',', ':')))} bytes as JSON; 16384 are allowed",
        ".image_config.command: 1501 items; 1500 are allowed",
        ".image_config.working_directory: longer than 1000 characters",
    ]


@pytest.mark.parametrize(("keys", "expected"), [
    ({"code": {"imge": "./image"}, "runtime": None}, [".code.imge: unknown key; did you mean image?"]),
    ({"code": {}, "runtime": None}, [".code.image: this key is required"]),
    ({"code": ["./code"]}, [".code: expected a text, not a list"]),
    ({"code": 7}, [".code: expected a text, not the number 7; put it in quotes"]),
    ({"code": {"image": 7}}, [".code.image: expected a text, not the number 7; put it in quotes"]),
    ({"runtime": None, "runtme": "python3.11"}, [".runtme: unknown key; did you mean runtime?"]),
])  # fmt: skip
def test_one_mistake_is_one_complaint(write: Write, keys: dict[str, Any], expected: list[str]) -> None:
    assert said(write, **keys) == expected

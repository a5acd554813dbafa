"""AWS::Serverless::Function and AWS::Lambda::Function -> a function as pollerd.yaml has it.

Sources: AWS SAM Developer Guide, AWS::Serverless::Function; CloudFormation User Guide, AWS::Lambda::Function.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from poller.settings.architecture import ARCHITECTURE
from poller.settings.nodes import Entry, List, Node, Place, Scalar, Table
from poller.settings.templates.members import EFFECTLESS, Key, Reading, renamed
from poller.settings.templates.names import LAYERS
from poller.settings.templates.resolver import Unresolved
from poller.settings.templates.trees import coerced, items, made, member, table, text

URL = {
    "AuthType": Key("auth_type"),
    "InvokeMode": Key("invoke_mode"),
    "Cors": Key(
        "cors",
        members={
            "AllowCredentials": Key("allow_credentials", bool),
            "AllowHeaders": Key("allow_headers"),
            "AllowMethods": Key("allow_methods"),
            "AllowOrigins": Key("allow_origins"),
            "ExposeHeaders": Key("expose_headers"),
            "MaxAge": Key("max_age_seconds", int),
        },
    ),
}
_LOGGING = {
    "LogFormat": Key("log_format"),
    "ApplicationLogLevel": Key("application_log_level"),
    "SystemLogLevel": Key("system_log_level"),
    "LogGroup": Key("log_group"),
}
KEYS: Mapping[str, Key] = {
    "Handler": Key("handler"),
    "Runtime": Key("runtime"),
    "Timeout": Key("timeout_seconds", int),
    "MemorySize": Key("memory_mb", int),
    "ReservedConcurrentExecutions": Key("reserved_concurrency", int),
    "RecursiveLoop": Key("recursive_loop"),
    "EphemeralStorage": Key("", members={"Size": Key("ephemeral_storage_mb", int)}),
    "LoggingConfig": Key("logging", members=_LOGGING),
    "ImageConfig": Key(
        "image_config",
        members={
            "Command": Key("command"),
            "EntryPoint": Key("entry_point"),
            "WorkingDirectory": Key("working_directory"),
        },
    ),
    "DeadLetterConfig": Key("dead_letter_config", members={"TargetArn": Key("target_arn")}),
    "FunctionUrlConfig": Key("url", members=URL),
    "ProvisionedConcurrencyConfig": Key(
        "", members={"ProvisionedConcurrentExecutions": Key("provisioned_concurrency", int)}
    ),
}
EFFECTLESS_PROPERTIES = frozenset(
    {
        *("AssumeRolePolicyDocument", "AutoPublishAliasAllProperties", "AutoPublishCodeSha256", "CodeSigningConfigArn"),
        *("DeploymentPreference", "Description", "KmsKeyArn", "PermissionsBoundary", "Policies", "PropagateTags"),
        *("PublishToLatestPublished", "Role", "RolePath", "RuntimeManagementConfig", "SnapStart", "SourceKMSKeyArn"),
        *("Tags", "Tracing", "TracingConfig", "VersionDeletionPolicy", "VersionDescription", "VpcConfig"),
    }
)
_UNSERVED = {
    "CapacityProviderConfig": "functions run on this host only",
    "DurableConfig": "there are no durable functions here",
    "FileSystemConfigs": "an EFS access point is a folder here: file_system_configs in pollerd.yaml names it",
    "FunctionScalingConfig": "functions run on this host only",
    "TenancyConfig": "there is no tenant isolation here",
    "EventInvokeConfig": "event_invoke_config in pollerd.yaml says it",
}
_CODE = ("Code", "CodeUri", "ImageUri", "InlineCode")
_SPECIAL = frozenset(
    {
        *_CODE,
        *("Architectures", "AutoPublishAlias", "DeadLetterQueue", "Environment", "Events", "FunctionName", "Layers"),
        "PackageType",
    }
)
LATEST = "$LATEST"


def function(properties: Table, reading: Reading, own: Table) -> Table:
    """Return the keys of a function. own: what pollerd.yaml says of it, which goes before and is not looked at here."""
    simple = {}
    for name, entry in properties.entries.items():
        if name in EFFECTLESS_PROPERTIES:
            reading.notice(entry.place, name, EFFECTLESS)
        elif name in _UNSERVED:
            reading.notice(entry.place, name, f"is not served: {_UNSERVED[name]}")
        elif name not in _SPECIAL:
            simple[name] = entry
    entries = renamed(Table(properties.place, simple), KEYS, reading, own)
    if (queue := table(member(properties, "DeadLetterQueue"), properties.place)).entries:
        target = {name: entry for name, entry in queue.entries.items() if name != "Type"}
        whole = Table(properties.place, {"DeadLetterConfig": Entry(queue.place, Table(queue.place, target))})
        entries |= renamed(whole, KEYS, reading, own)
    if "code" not in own.entries:
        entries |= _code(properties, reading)
        _tell_of_architecture(properties, reading)
    if "layers" not in own.entries and (layers := member(properties, "Layers")) is not None:
        entries["layers"] = Entry(layers.place, _layers(layers, reading))
    variables = _variables(member(properties, "Environment"), reading, own)
    if variables.entries:
        entries["environment"] = Entry(variables.place, variables)
    return _aliased(Table(properties.place, entries), properties, reading)


def _code(properties: Table, reading: Reading) -> dict[str, Entry]:
    image = member(properties, "ImageUri") or member(properties, "Code", "ImageUri")
    package = member(properties, "PackageType")
    kind = text(reading.value("code", package)) if package is not None else None
    if image is not None and kind != "Zip":
        return _image(image, reading)
    if package is not None and kind == "Image":
        sentence = "no ImageUri: `sam build` makes the image, and a template in .aws-sam/build that names it"
        reading.refuse("code", package.place, f"PackageType is Image, and there is {sentence}")
        return {}
    if image is not None:
        reading.notice(image.place, "ImageUri", "is not used: PackageType is Zip")
    place = next(iter(properties.entries.values())).place if properties.entries else properties.place
    given = member(properties, "CodeUri") or member(properties, "Code")
    if member(properties, "InlineCode") is not None or member(given, "ZipFile") is not None:
        reading.refuse("code", place, "inline code is not run: put it into a folder, and name that in pollerd.yaml")
        return {}
    value = reading.value("code", given) if given is not None else Scalar(place, ".")
    written = text(value)
    if written is None or written.startswith("s3://"):
        reading.refuse("code", place, "the code is in a bucket: name a folder or .zip of this host in pollerd.yaml")
        return {}
    return {"code": Entry(place, Scalar(given.place if given is not None else place, written))}


def _tell_of_architecture(properties: Table, reading: Reading) -> None:
    """Code without machine code in it runs everywhere, so another architecture is no reason not to try."""
    given = member(properties, "Architectures")
    listed = items(reading.value("code", given)) if given is not None else []
    names = [name for each in listed if (name := text(each))]
    if given is not None and names and ARCHITECTURE not in names:
        sentence = (
            f"the code is made for {', '.join(names)} and runs on {ARCHITECTURE} here, which machine code in it cannot"
        )
        reading.notice(given.place, "Architectures", sentence)


def _image(image: Node, reading: Reading) -> dict[str, Entry]:
    """A file or folder here is run as it is, any other name by a container engine."""
    value = reading.value("code", image)
    name = text(value)
    if value is None or name is None:
        return {}
    here = (value.place.file.absolute().parent / name).exists()
    if not here and Path(name).suffix == ".tar":
        reading.refuse("code", image.place, f"there is no file {name}")
    # the model takes a name of an engine's image as it is only beside that driver
    entries = {"code": Entry(value.place, made(value.place, {"image": Scalar(value.place, name)}))}
    return entries if here else entries | {"driver": Entry(value.place, Scalar(value.place, "container"))}


def _layers(given: Node, reading: Reading) -> List:
    found: list[Node] = []
    for item in items(given):
        try:
            node = reading.resolver.chosen(item)
            target = reading.resolver.target(node) if node is not None else None
            if target is not None and reading.resolver.kind(target[0]) in LAYERS:
                content = member(reading.resolver.root, "Resources", target[0], "Properties")
                node = member(content, "ContentUri") or member(content, "Content")
            value = reading.resolver.node(node) if node is not None else None
        except Unresolved as error:
            reading.refuse("layers", error.place, str(error))
            continue
        written = text(value)
        if node is None:
            continue
        if written is None or written.startswith(("arn:", "s3://")):
            what = written or "a bucket"
            reading.refuse("layers", node.place, f"the layer is at AWS ({what}): pollerd.yaml names folders or .zips")
        else:
            found.append(Scalar(node.place, written))
    return List(given.place, found)


def _variables(given: Node | None, reading: Reading, own: Table) -> Table:
    """Variable by variable: one that the configuration gives itself need not be known here."""
    variables = table(member(given, "Variables"), given.place if given is not None else own.place)
    mine = table(member(own, "environment"), own.place).entries
    found = {}
    for name, entry in variables.entries.items():
        value = None if name in mine else reading.value(f"environment.{name}", entry.node)
        if value is not None:
            found[name] = Entry(entry.place, coerced(value, str))
    return Table(variables.place, found)


def _aliased(document: Table, properties: Table, reading: Reading) -> Table:
    """AutoPublishAlias: the alias leads to the function as it stands, since nothing is published; its URL is the alias's."""
    given = member(properties, "AutoPublishAlias")
    value = reading.value("aliases", given) if given is not None else None
    name = text(value)
    if value is None or name is None:
        return document
    place: Place = value.place
    reading.notice(place, "AutoPublishAlias", "no version is published: the alias leads to $LATEST")
    entries = dict(document.entries)
    alias = {"version": Entry(place, Scalar(place, LATEST))}
    if "url" in entries:
        alias["url"] = entries.pop("url")
    whole = Table(place, {name: Entry(place, Table(place, alias))})
    return Table(document.place, entries | {"aliases": Entry(place, whole)})

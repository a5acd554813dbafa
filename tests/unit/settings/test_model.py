"""Defaults are promises: whoever changes one changes this list, and tells the users."""

from __future__ import annotations

from connectors.aws.options import AwsOptions
from poller.settings.model import (
    AccountSettings,
    AliasSettings,
    AsynchronousSettings,
    ContainerSettings,
    CorsSettings,
    DestinationSettings,
    FunctionSettings,
    FunctionUrlsSettings,
    HttpSettings,
    ImageCode,
    ImageConfig,
    KeySettings,
    LoggingSettings,
    LogSettings,
    MappingSettings,
    OnFailureSettings,
    RemoteSettings,
    Settings,
    SourceSettings,
    TlsSettings,
    UrlSettings,
)
from poller.settings.options import REQUIRED, options_of

PROMISES = {
    Settings: {
        "state": "./state",
        "concurrency": 1000,
        "sandbox": "auto",
        "allow_deprecated_runtimes": False,
        "stop_timeout_seconds": 30,
        "http": HttpSettings(),
        "function_urls": FunctionUrlsSettings(),
        "asynchronous": AsynchronousSettings(),
        "log": LogSettings(),
        "aws": AccountSettings(),
        "container": ContainerSettings(),
        "functions": {},
        "event_source_mappings": {},
    },
    HttpSettings: {"listen": "127.0.0.1:9870", "keys": {}, "tls": None, "token": ""},
    KeySettings: {"secret_access_key": REQUIRED, "read_only": False, "functions": ()},
    TlsSettings: {"certificate": REQUIRED, "private_key": REQUIRED, "client_ca": ""},
    LogSettings: {"format": "auto", "level": "info"},
    AwsOptions: {
        "region": "",
        "endpoint_url": "",
        "profile": "",
        "access_key_id": "",
        "secret_access_key": "",
        "session_token": "",
        "allow_aws": False,
    },
    AccountSettings: {
        "region": "",
        "endpoint_url": "",
        "profile": "",
        "access_key_id": "",
        "secret_access_key": "",
        "session_token": "",
        "allow_aws": False,
        "account_id": "000000000000",
    },
    ContainerSettings: {"endpoint_url": "", "network": "default"},
    ImageCode: {"image": REQUIRED, "pull": "missing"},
    ImageConfig: {"entry_point": None, "command": None, "working_directory": None},
    FunctionSettings: {
        "code": "",
        "driver": "process",
        "runtime": "",
        "handler": "",
        "layers": (),
        "image_config": None,
        "timeout_seconds": 3,
        "memory_mb": 128,
        "environment": {},
        "reserved_concurrency": None,
        "provisioned_concurrency": None,
        "per_execution_environment_max_concurrency": 1,
        "ephemeral_storage_mb": 512,
        "file_system_configs": (),
        "logging": LoggingSettings(),
        "network": None,
        "host_ports": (),
        "idle_timeout_seconds": 300,
        "prefork": 1,
        "recycle_after_seconds": 14400,
        "aliases": {},
        "event_invoke_config": None,
        "dead_letter_config": None,
        "recursive_loop": "Terminate",
        "url": None,
        "remote": None,
    },
    RemoteSettings: {
        "endpoint_url": "",
        "function": "",
        "qualifier": "",
        "concurrency": None,
        "region": "",
        "profile": "",
        "access_key_id": "",
        "secret_access_key": "",
        "session_token": "",
        "allow_aws": False,
    },
    LoggingSettings: {
        "log_format": "Text",
        "application_log_level": None,
        "system_log_level": None,
        "log_group": None,
    },
    AliasSettings: {"version": REQUIRED, "weights": {}, "event_invoke_config": None, "url": None},
    FunctionUrlsSettings: {"listen": "127.0.0.1:9871", "domain": "localhost"},
    UrlSettings: {"auth_type": REQUIRED, "invoke_mode": "BUFFERED", "cors": None, "port": None},
    CorsSettings: {
        "allow_origins": (),
        "allow_methods": (),
        "allow_headers": (),
        "expose_headers": (),
        "allow_credentials": False,
        "max_age_seconds": 0,
    },
    SourceSettings: {"type": REQUIRED, "options": REQUIRED},
    MappingSettings: {
        "source": REQUIRED,
        "function": REQUIRED,
        "enabled": True,
        "batch_size": None,
        "maximum_batching_window_seconds": 0,
        "starting_position": None,
        "starting_position_timestamp": None,
        "parallelization_factor": 1,
        "bisect_batch_on_function_error": False,
        "maximum_retry_attempts": -1,
        "maximum_record_age_seconds": -1,
        "tumbling_window_seconds": 0,
        "destination_config": None,
        "filter_criteria": (),
        "function_response_types": (),
        "maximum_concurrency": None,
        "envelope": None,
    },
    DestinationSettings: {"on_failure": OnFailureSettings()},
    OnFailureSettings: {"destination": ""},
}


def test_these_are_all_options_and_their_defaults() -> None:
    assert {kind: {option.name: option.default for option in options_of(kind)} for kind in PROMISES} == PROMISES


def test_every_option_has_its_sentence() -> None:
    silent = [f"{kind.__name__}.{option.name}" for kind in PROMISES for option in options_of(kind) if not option.text]
    assert silent == []


def test_a_text_of_several_lines_under_a_field_is_one_sentence() -> None:
    token = next(option for option in options_of(HttpSettings) if option.name == "token")
    assert "where other machines reach the port; a client's" in token.text

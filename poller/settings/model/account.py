"""`aws`: the AWS that sources and functions see by default."""

from __future__ import annotations

from dataclasses import dataclass, field

from connectors.aws.options import AwsOptions


@dataclass(frozen=True, kw_only=True)
class AccountSettings(AwsOptions):
    """The AWS that sources and functions see by default."""

    account_id: str = field(default="000000000000", metadata={"pattern": r"[0-9]{12}", "words": "twelve digits"})
    """Account in the ARNs of functions. Best written in quotes: it may begin with 0."""

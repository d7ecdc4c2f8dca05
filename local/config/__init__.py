"""The one model of serverless.yml, read by the local cloud and by `deploy`.

`document` reads the YAML, `models` has the parts, `parts` and `triggers` fill them, `reading` puts them together;
`cron` says when a timer fires, `interpreters` finds a runtime's Python.
"""

from local.config.cron import CRON_ZONE, next_firing
from local.config.document import ConfigError
from local.config.models import (
    Api,
    FunctionConfig,
    GatewayTrigger,
    Source,
    TimerTrigger,
    Trigger,
    UrlTrigger,
)
from local.config.reading import Config, read_config

__all__ = [
    "CRON_ZONE",
    "Api",
    "Config",
    "ConfigError",
    "FunctionConfig",
    "GatewayTrigger",
    "Source",
    "TimerTrigger",
    "Trigger",
    "UrlTrigger",
    "next_firing",
    "read_config",
]

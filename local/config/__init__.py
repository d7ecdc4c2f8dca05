"""serverless.yml as the local cloud and `deploy` read it: the one model of the file.

`document` reads the YAML, `cron` a timer's times, `models` are the parts, `reading` puts them together.
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

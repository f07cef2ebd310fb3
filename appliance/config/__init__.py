"""The configuration: gather() brings its layers together cheaply, Draft.validate() checks them.

`gather(None, os.environ, {}).validate()` gives Settings, or raises ConfigError with every mistake at once.
"""

from __future__ import annotations

from appliance.config.draft import Draft, gather
from appliance.config.options import add_options, overrides_from
from appliance.config.problems import ConfigError, Problem, hide_url
from appliance.config.settings import Settings

__all__ = [
    "ConfigError",
    "Draft",
    "Problem",
    "Settings",
    "add_options",
    "gather",
    "hide_url",
    "overrides_from",
]

"""Settings: one TOML file, the environment (`WHODID_…`) and the command line become one object."""

from pipeline.kit.config.settings import Settings

__all__ = ["Settings"]

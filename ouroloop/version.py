"""The version, where every part can read it without the public names that `ouroloop` offers."""

__version__ = "0.1.0"

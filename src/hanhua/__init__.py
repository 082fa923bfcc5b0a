"""Hanhua (汉化): takes an open Llama 3 checkpoint and makes it Chinese."""

__version__ = "0.1.0"

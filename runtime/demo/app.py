"""The demo's runtime, for commands that execute: `--app licet.runtime.demo.app:runtime`."""

from __future__ import annotations

from licet.runtime.demo.desk import open_desk

runtime = open_desk()

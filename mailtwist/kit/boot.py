"""Which run of the system this is: what was written and not synced outlives processes, but no power cut."""

from pathlib import Path


def _this_boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except (OSError, ValueError):
        return ""


THIS_BOOT = _this_boot()  # no other run has this; empty when the system does not tell

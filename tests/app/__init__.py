"""The program: assembly, logs, the plugin, whole servers."""

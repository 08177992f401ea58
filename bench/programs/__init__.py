"""Small servers made of other libraries, run as processes of their own: `python -m bench.programs.NAME`."""

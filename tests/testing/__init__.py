"""The test tools that mailtwist ships, tested."""

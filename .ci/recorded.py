"""Trial, and a file of what became of the tests: `recorded.py FILE WORD...` is `trial WORD...`."""

import json
import os
import sys
import time
from pathlib import Path

from twisted.scripts import trial
from twisted.trial import reporter


class Recording(reporter.TreeReporter):
    """FILE is there when trial has come to its end, and only then."""

    file = Path()

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._seconds = {}
        self._began = 0.0

    def startTest(self, test):
        self._began = time.monotonic()
        super().startTest(test)

    def stopTest(self, test):
        super().stopTest(test)
        self._seconds[test.id()] = round(time.monotonic() - self._began, 3)

    def done(self):
        super().done()
        failed = [test for test, _ in (*self.failures, *self.errors)]
        failed += [one[0] for one in self.unexpectedSuccesses]
        record = {
            "passed": self.successes,
            "skipped": len(self.skips) + len(self.expectedFailures),
            "failed": list(dict.fromkeys(test.id() for test in failed)),
            "seconds": self._seconds,
        }
        self.file.write_text(json.dumps(record))


def main():
    Recording.file = Path(sys.argv.pop(1)).absolute()
    sys.path[0] = os.getcwd()
    reporter.TreeReporter = Recording
    trial.run()


if __name__ == "__main__":
    main()

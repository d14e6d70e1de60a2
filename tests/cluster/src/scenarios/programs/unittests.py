# Runs test cases of Python's own test suite and says what became of each. The arguments are their names.
# A name is that of a module, a class or a method, without the leading "test.".
# What the tests print themselves goes to standard error.
import os
import sys
import unittest

from test import support


class Outcomes(unittest.TestResult):
    def __init__(self, file):
        super().__init__()
        self.file = file

    def note(self, test, outcome):
        print(f"{test.id()}: {outcome}", file=self.file, flush=True)

    def addSuccess(self, test):
        self.note(test, "passed")

    def addError(self, test, error):
        self.note(test, "error")
        sys.stderr.write(self._exc_info_to_string(error, test))

    def addFailure(self, test, error):
        self.note(test, "failed")
        sys.stderr.write(self._exc_info_to_string(error, test))

    def addSkip(self, test, reason):
        self.note(test, "skipped")

    def addExpectedFailure(self, test, error):
        self.note(test, "failed as expected")

    def addSubTest(self, test, subtest, error):
        if error is not None:
            self.addFailure(subtest, error)


said = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
support.use_resources = []
support.real_max_memuse = 0
outcomes = Outcomes(said)
for name in sys.argv[1:]:
    unittest.defaultTestLoader.loadTestsFromName(f"test.{name}").run(outcomes)

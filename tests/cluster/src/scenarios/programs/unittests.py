# Runs test cases of Python's own test suite and says what became of each: unittests.py NAME...
# A name is that of a module, a class or a method, without the leading "test.".
import sys
import unittest

from test import support


class Outcomes(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.lines = []

    def note(self, test, outcome):
        self.lines.append(f"{test.id()}: {outcome}")

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


support.use_resources = []
support.real_max_memuse = 0
outcomes = Outcomes()
for name in sys.argv[1:]:
    unittest.defaultTestLoader.loadTestsFromName(f"test.{name}").run(outcomes)
print("\n".join(sorted(outcomes.lines)))

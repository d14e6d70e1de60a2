/* SPDX-License-Identifier: GPL-2.0-only */
/* timers: alarm: it comes after its time, once, can be taken back, and survives exec and not fork */
#include "feature.h"

static volatile int count;

static void on_alarm(int signal) { (void)signal; count++; }

int main(int argc, char **argv)
{
	begin(argc, argv);
	run.rounds = 2;
	handle(SIGALRM, on_alarm, SA_RESTART);
	if (optind < argc) {
		unsigned left = alarm(0);

		return left >= 90 && left <= 100 ? 0 : 1;
	}
	ready();
	do {
		int64_t before = now();

		count = 0;
		CHECK(alarm(100) == 0);
		unsigned left = alarm(1);

		CHECK(left > 90 && left <= 100);
		pid_t child = split();

		if (!child) {
			CHECK(alarm(100) == 0);
			execl(self(), "x", "child", NULL);
			fail("exec");
		}
		CHECK(exit_of(child) == 0);
		busy_point();
		while (!count)
			nap(20);
		/* Whole seconds, rounded. */
		CHECK(count == 1 && now() - before >= 900000000);
		CHECK(alarm(100) == 0);
		point();
		CHECK(alarm(0) > 0 && count == 1);
	} while (again());
	return pass();
}

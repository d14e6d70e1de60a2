/* SPDX-License-Identifier: GPL-2.0-only */
/* timers: a handler interrupts the reading of a clock and takes its time: the clock goes on, and never back */
#include "feature.h"
#include <sys/time.h>

#define TIMES 4

static const clockid_t CLOCKS[] = { CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_MONOTONIC_RAW, CLOCK_MONOTONIC_COARSE };
static volatile int handled;

static void on_alarm(UNUSED int signal)
{
	point();
	if (!run.stops)
		nap(40);
	handled = 1;
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	handle(SIGALRM, on_alarm, SA_RESTART);
	ready();
	do {
		for (int i = 0; i < TIMES; i++) {
			struct itimerval soon = { { 0, 0 }, { 0, 5000 } };
			int64_t last = time_of(CLOCKS[i]);

			handled = 0;
			CHECK(setitimer(ITIMER_REAL, &soon, NULL) == 0);
			while (!handled) {
				int64_t time = time_of(CLOCKS[i]);

				if (time < last || time - last > 60000000000ll)
					fail("clock %d: %lld after %lld", CLOCKS[i], (long long)time, (long long)last);
				last = time;
			}
		}
	} while (again());
	return pass();
}

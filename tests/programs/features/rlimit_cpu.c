/* SPDX-License-Identifier: GPL-2.0-only */
/* timers: RLIMIT_CPU: SIGXCPU when the soft limit of CPU time is reached, death at the hard one */
#include "feature.h"

static volatile int count;

static void on_xcpu(int signal) { (void)signal; count++; }

static void compute(void)
{
	static volatile double x = 1;

	for (int i = 0; i < 50000; i++)
		x = x * 1.0000001;
}

int main(int argc, char **argv)
{
	struct rlimit limit;

	begin(argc, argv);
	run.rounds = 2;
	handle(SIGXCPU, on_xcpu, SA_RESTART);
	CHECK(getrlimit(RLIMIT_CPU, &limit) == 0);
	ready();
	do {
		/* In whole seconds of all that was used so far. */
		limit.rlim_cur = time_of(CLOCK_PROCESS_CPUTIME_ID) / 1000000000 + 1;
		CHECK(setrlimit(RLIMIT_CPU, &limit) == 0);
		count = 0;
		point();
		while (!count) {
			compute();
			if (time_of(CLOCK_PROCESS_CPUTIME_ID) > (int64_t)(limit.rlim_cur + 8) * 1000000000)
				fail("no signal eight seconds after the limit");
		}
		/* It counts ticks in which the process was seen. */
		CHECK(time_of(CLOCK_PROCESS_CPUTIME_ID) >= (int64_t)limit.rlim_cur * 1000000000 - 200000000);
		point();
	} while (again());
	return pass();
}

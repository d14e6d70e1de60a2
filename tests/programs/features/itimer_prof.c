/* SPDX-License-Identifier: GPL-2.0-only */
/* timers: ITIMER_PROF: signals after so much CPU time, not while the process sleeps */
#include "feature.h"
#include <sys/time.h>

static volatile int count;

static void on_signal(int signal) { (void)signal; count++; }

/* Without a system call in it. */
static void compute(void)
{
	static volatile double x = 1;

	for (int i = 0; i < 50000; i++)
		x = x * 1.0000001;
}

int main(int argc, char **argv)
{
	struct itimerval off = { { 0, 0 }, { 0, 0 } }, found;

	begin(argc, argv);
	handle(SIGPROF, on_signal, SA_RESTART);
	ready();
	do {
		struct itimerval timer = { { 0, 20000 }, { 0, 40000 } };
		int64_t before = time_of(CLOCK_PROCESS_CPUTIME_ID);

		count = 0;
		CHECK(setitimer(ITIMER_PROF, &timer, NULL) == 0);
		while (count < 1)
			compute();
		/* Such timers count ticks in which the process was seen. */
		CHECK(time_of(CLOCK_PROCESS_CPUTIME_ID) - before >= 15000000);
		/* Moving takes CPU time, so signals come. */
		busy_point();
		while (count < 3)
			compute();
		CHECK(time_of(CLOCK_PROCESS_CPUTIME_ID) - before >= 40000000);
		CHECK(getitimer(ITIMER_PROF, &found) == 0);
		CHECK(found.it_interval.tv_usec == 20000 && found.it_value.tv_sec == 0 && found.it_value.tv_usec <= 21000);
		before = time_of(CLOCK_PROCESS_CPUTIME_ID);
		/* After that: what has been used so far may have set one off. */
		int seen = count;

		nap(60);
		/* Being moved takes CPU time too. */
		int64_t used = time_of(CLOCK_PROCESS_CPUTIME_ID) - before;

		if (count > seen + 1 + used / 20000000)
			fail("%d signals while it slept and used %lld ns", count - seen, (long long)used);
		CHECK(setitimer(ITIMER_PROF, &off, NULL) == 0);
	} while (again());
	return pass();
}

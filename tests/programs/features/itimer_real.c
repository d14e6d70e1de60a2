/* SPDX-License-Identifier: GPL-2.0-only */
/* timers: ITIMER_REAL: periodic and single signals, the rest can be asked for */
#include "feature.h"
#include <sys/time.h>

static volatile int count;

static void on_alarm(int signal) { (void)signal; count++; }

int main(int argc, char **argv)
{
	struct itimerval off = { { 0, 0 }, { 0, 0 } }, found;

	begin(argc, argv);
	handle(SIGALRM, on_alarm, SA_RESTART);
	ready();
	do {
		struct itimerval often = { { 0, 10000 }, { 0, 30000 } }, once = { { 0, 0 }, { 50, 0 } };
		int64_t before = now();

		count = 0;
		CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
		/* Computing, calling and waiting by turns. */
		while (count < 3)
			burn(1);
		busy_point();
		while (count < 6)
			getppid();
		while (count < 9)
			nap(1);
		CHECK(now() - before >= 110000000);
		CHECK(getitimer(ITIMER_REAL, &found) == 0 && found.it_interval.tv_usec == 10000);
		CHECK(found.it_value.tv_sec == 0 && found.it_value.tv_usec <= 10000);
		CHECK(setitimer(ITIMER_REAL, &once, NULL) == 0);
		point();
		CHECK(setitimer(ITIMER_REAL, &off, &found) == 0);
		CHECK(found.it_value.tv_sec >= 20 && found.it_value.tv_sec < 50 && found.it_interval.tv_sec == 0);
		int seen = count;

		nap(15);
		CHECK(count == seen);
	} while (again());
	return pass();
}

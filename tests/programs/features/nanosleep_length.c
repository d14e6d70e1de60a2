/* SPDX-License-Identifier: GPL-2.0-only */
/* timers: sleeps last as long as was asked for: nanosleep, clock_nanosleep relative and absolute, usleep, poll */
#include "feature.h"

#define LENGTH 60000000

int main(int argc, char **argv)
{
	begin(argc, argv);
	ready();
	do {
		for (int kind = 0; kind < 6; kind++) {
			struct timespec time = { 0, LENGTH }, at;
			clockid_t clock = kind == 2 ? CLOCK_BOOTTIME : kind == 3 ? CLOCK_REALTIME : CLOCK_MONOTONIC;
			int64_t before = now(), until;

			switch (kind) {
			case 0:
				CHECK(nanosleep(&time, NULL) == 0);
				break;
			case 1:
			case 2:
			case 3:
				CHECK(clock_gettime(clock, &at) == 0);
				until = at.tv_sec * 1000000000ll + at.tv_nsec + LENGTH;
				at = (struct timespec){ until / 1000000000, until % 1000000000 };
				CHECK_0(clock_nanosleep(clock, TIMER_ABSTIME, &at, NULL));
				break;
			case 4:
				CHECK(usleep(LENGTH / 1000) == 0);
				break;
			case 5:
				CHECK(poll(NULL, 0, LENGTH / 1000000) == 0);
				break;
			}
			/* Clocks of two machines differ by a transit. */
			if (now() - before < LENGTH - 10000000)
				fail("kind %d ended %lld ns early", kind, (long long)(LENGTH - now() + before));
			if (kind == 2)
				point();
		}
	} while (again());
	return pass();
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* timers: the coarse clocks, read without a system call all the time, never go back */
#include "feature.h"

static int64_t coarse(void)
{
	struct timespec time;

	CHECK(clock_gettime(CLOCK_MONOTONIC_COARSE, &time) == 0);
	return time.tv_sec * 1000000000ll + time.tv_nsec;
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	/* Where coarse and fine clock stand at another node is not the same to the tick. */
	const int64_t tick = 20000000;
	int64_t last = coarse();

	ready();
	do {
		busy_point();
		for (int i = 0; i < 200000; i++) {
			int64_t time = coarse();

			if (time < last - tick || time > last + 3600 * 1000000000ll)
				fail("after %lld it was %lld", (long long)last, (long long)time);
			last = time;
		}
	} while (again());
	return pass();
}

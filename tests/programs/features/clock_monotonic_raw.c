/* SPDX-License-Identifier: GPL-2.0-only */
/* timers: CLOCK_MONOTONIC_RAW never goes back */
#include "feature.h"

int main(int argc, char **argv)
{
	struct timespec raw, last = { 0, 0 };

	begin(argc, argv);
	ready();
	do {
		for (int i = 0; i < 100; i++) {
			CHECK(clock_gettime(CLOCK_MONOTONIC_RAW, &raw) == 0);
			if (raw.tv_sec < last.tv_sec || (raw.tv_sec == last.tv_sec && raw.tv_nsec < last.tv_nsec))
				fail("it went back by %lld ns", (last.tv_sec - raw.tv_sec) * 1000000000ll + last.tv_nsec -
				     raw.tv_nsec);
			last = raw;
		}
		point();
	} while (again());
	return pass();
}

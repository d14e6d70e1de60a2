/* SPDX-License-Identifier: GPL-2.0-only */
/* timers: clock_getres, CLOCK_TAI, clock_adjtime and time agree with each other wherever they are asked */
#include "feature.h"
#include <sys/timex.h>

int main(int argc, char **argv)
{
	struct timespec resolution, tai, real;
	struct timex state;

	begin(argc, argv);
	ready();
	do {
		CHECK(clock_getres(CLOCK_MONOTONIC, &resolution) == 0 && resolution.tv_sec == 0 && resolution.tv_nsec == 1);
		CHECK(clock_getres(CLOCK_PROCESS_CPUTIME_ID, &resolution) == 0 && resolution.tv_sec == 0);
		memset(&state, 0, sizeof state);
		CHECK(adjtimex(&state) >= 0 && state.tick > 0);
		CHECK(clock_gettime(CLOCK_REALTIME, &real) == 0 && clock_gettime(CLOCK_TAI, &tai) == 0);
		CHECK(tai.tv_sec - real.tv_sec >= state.tai && tai.tv_sec - real.tv_sec <= state.tai + 2);
		CHECK(labs(time(NULL) - real.tv_sec) <= 1 && labs(state.time.tv_sec - real.tv_sec) <= 2);
		point();
	} while (again());
	return pass();
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Clocks never go back, and sleeping takes at least as long as was asked for. The nodes' times of day are
 * only as equal as whoever sets them makes them, so that one may go back by a little.
 */
#include "program.h"
#include <poll.h>
#include <sys/time.h>
#include <time.h>

/* CLOCK_REALTIME and CLOCK_MONOTONIC_RAW are each node's own: see docs/limits.md. */
static const clockid_t clocks[] = { CLOCK_MONOTONIC, CLOCK_BOOTTIME,
				    CLOCK_MONOTONIC_COARSE, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID };
#define CLOCKS (sizeof clocks / sizeof *clocks)
#define UNEQUAL_TIMES 500000000

static int64_t now(clockid_t clock)
{
	struct timespec time;

	CHECK(clock_gettime(clock, &time) == 0);
	return time.tv_sec * 1000000000ll + time.tv_nsec;
}

int main(int argc, char **argv)
{
	int64_t last[CLOCKS] = { 0 };
	struct timespec ten_ms = { 0, 10000000 };

	start(argc, argv);
	do {
		for (int i = 0; i < 3000; i++)
			/* CPU clocks are asked for at home: fewer of those. */
			for (size_t c = 0; c < (i % 100 ? 3 : CLOCKS); c++) {
				int64_t time = now(clocks[c]);

				if (time < last[c] - (c ? 0 : UNEQUAL_TIMES))
					fail("clock %d went back by %lld ns", clocks[c], (long long)(last[c] - time));
				last[c] = time;
			}
		int64_t before = now(CLOCK_MONOTONIC);

		CHECK(clock_nanosleep(CLOCK_MONOTONIC, 0, &ten_ms, NULL) == 0);
		CHECK(now(CLOCK_MONOTONIC) - before >= 10000000);
		before = now(CLOCK_MONOTONIC);
		CHECK(poll(NULL, 0, 20) == 0 && now(CLOCK_MONOTONIC) - before >= 20000000);
		before = now(CLOCK_MONOTONIC);
		struct timespec until = { before / 1000000000 , before % 1000000000 };

		until.tv_sec += 1;
		if (rounds_done % 8 == 0)
			CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == 0 &&
			      now(CLOCK_MONOTONIC) - before >= 1000000000);
	} while (another_round());
	return pass();
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* timers: CLOCK_MONOTONIC, its coarse form and CLOCK_BOOTTIME never go back, by vDSO and by system call */
#include "feature.h"

static const clockid_t clocks[] = { CLOCK_MONOTONIC, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME };
enum { CLOCKS = sizeof clocks / sizeof *clocks };

static int64_t read_clock(clockid_t clock, int by_call)
{
	struct timespec time;

	CHECK((by_call ? syscall(SYS_clock_gettime, clock, &time) : clock_gettime(clock, &time)) == 0);
	return time.tv_sec * 1000000000ll + time.tv_nsec;
}

static int64_t last[CLOCKS];

static void look(void)
{
	for (int i = 0; i < CLOCKS; i++)
		for (int by_call = 0; by_call < 2; by_call++) {
			int64_t time = read_clock(clocks[i], by_call);

			if (time < last[i])
				fail("clock %d went back by %lld ns%s", clocks[i], (long long)(last[i] - time),
				     by_call ? " by system call" : "");
			last[i] = time;
		}
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	ready();
	do {
		look();
		point();
		for (int i = 0; i < 300; i++)
			look();
	} while (again());
	return pass();
}

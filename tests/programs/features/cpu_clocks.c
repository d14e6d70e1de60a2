/* SPDX-License-Identifier: GPL-2.0-only */
/* timers: CLOCK_PROCESS_CPUTIME_ID, getrusage, times and /proc/self/stat agree about CPU time, which only grows */
#include "feature.h"
#include <sys/times.h>

static int64_t of_rusage(void)
{
	struct rusage usage;

	CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
	return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000ll +
	       (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000ll;
}

static int64_t of_times(void)
{
	struct tms ticks;

	CHECK(times(&ticks) != -1);
	return (ticks.tms_utime + ticks.tms_stime) * (1000000000ll / sysconf(_SC_CLK_TCK));
}

static int64_t of_stat(void)
{
	char line[512];
	long user, system;
	FILE *stat = fopen("/proc/self/stat", "r");

	CHECK(stat && fgets(line, sizeof line, stat) && fclose(stat) == 0);
	CHECK(sscanf(strrchr(line, ')') + 2, "%*c %*d %*d %*d %*d %*d %*d %*d %*d %*d %*d %ld %ld", &user, &system) == 2);
	return (user + system) * (1000000000ll / sysconf(_SC_CLK_TCK));
}

static int64_t of_clock(void) { return time_of(CLOCK_PROCESS_CPUTIME_ID); }
static int64_t of_thread(void) { return time_of(CLOCK_THREAD_CPUTIME_ID); }
static int64_t of_libc(void) { return clock() * (1000000000ll / CLOCKS_PER_SEC); }

int main(int argc, char **argv)
{
	static int64_t (*const ways[])(void) = { of_clock, of_thread, of_libc, of_rusage, of_times, of_stat };
	enum { WAYS = sizeof ways / sizeof *ways };
	int64_t last[WAYS] = { 0 };

	begin(argc, argv);
	ready();
	do {
		burn(40);
		int64_t before = of_clock();

		for (int i = 0; i < WAYS; i++) {
			int64_t time = ways[i]();

			if (time < last[i])
				fail("way %d went back from %lld to %lld", i, (long long)last[i], (long long)time);
			last[i] = time;
		}
		int64_t after = of_clock();

		/* Two ticks, and what getrusage makes of them. */
		for (int i = 0; i < WAYS; i++)
			if (last[i] < before - 30000000 || last[i] > after + 30000000)
				fail("way %d says %lld, the clock %lld", i, (long long)last[i], (long long)before);
		if (before < 40000000 * (run.round + 1))
			fail("the clock says %lld after %ld rounds", (long long)before, run.round + 1);
		point();
	} while (again());
	return pass();
}

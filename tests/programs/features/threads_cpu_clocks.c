/* SPDX-License-Identifier: GPL-2.0-only */
/* threads: each thread's CPU clock counts its own time, the process' clock the sum */
#include "feature.h"
#include <pthread.h>

static volatile int done, stop;

static void *compute(void *argument)
{
	struct rusage usage;

	burn(40);
	CHECK(time_of(CLOCK_THREAD_CPUTIME_ID) >= 40000000);
	CHECK(getrusage(RUSAGE_THREAD, &usage) == 0);
	CHECK(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec >= 30000 || usage.ru_utime.tv_sec);
	done = 1;
	while (!stop)
		nap(1);
	return argument;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	clockid_t clock;

	begin(argc, argv);
	ready();
	do {
		int64_t process = time_of(CLOCK_PROCESS_CPUTIME_ID), own = time_of(CLOCK_THREAD_CPUTIME_ID);

		done = stop = 0;
		CHECK_0(pthread_create(&thread, NULL, compute, NULL));
		CHECK_0(pthread_getcpuclockid(thread, &clock));
		point();
		burn(20);
		AWAIT(done);
		CHECK(time_of(clock) >= 40000000);
		process = time_of(CLOCK_PROCESS_CPUTIME_ID) - process;
		own = time_of(CLOCK_THREAD_CPUTIME_ID) - own;
		if (process < 58000000 || own < 20000000 || own > process)
			fail("the process used %lld ns, its first thread %lld", (long long)process, (long long)own);
		stop = 1;
		CHECK_0(pthread_join(thread, NULL));
	} while (again());
	return pass();
}

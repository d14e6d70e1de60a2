/* SPDX-License-Identifier: GPL-2.0-only */
/* threads: created, joined with a result, detached; each has a stack, an id and an errno of its own */
#include "feature.h"
#include <pthread.h>

#define THREADS 6

static volatile int gate, detached_done;

static void *work(void *argument)
{
	volatile char mine[64 << 10];
	long number = (long)argument;

	errno = 1000 + number;
	fill((char *)mine, sizeof mine, number);
	CHECK(gettid() != getpid());
	while (!gate)
		nap(1);
	CHECK(errno == 1000 + number || errno == EINTR);
	CHECK(is_filled((char *)mine, sizeof mine, number));
	return (void *)(number * number);
}

static void *be_detached(void *argument)
{
	(void)argument;
	CHECK_0(pthread_detach(pthread_self()));
	__atomic_add_fetch(&detached_done, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS], other;
	void *result;

	begin(argc, argv);
	ready();
	do {
		gate = detached_done = 0;
		for (long i = 0; i < THREADS; i++)
			CHECK_0(pthread_create(&threads[i], NULL, work, (void *)(i + 3)));
		point();
		gate = 1;
		for (long i = 0; i < THREADS; i++) {
			CHECK_0(pthread_join(threads[i], &result));
			CHECK((long)result == (i + 3) * (i + 3));
		}
		point();
		for (int i = 0; i < 3; i++)
			CHECK_0(pthread_create(&other, NULL, be_detached, NULL));
		AWAIT(detached_done == 3);
	} while (again());
	return pass();
}

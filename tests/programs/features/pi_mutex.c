/* SPDX-License-Identifier: GPL-2.0-only */
/* threads: mutexes with priority inheritance: contended, timed out, recursive and error-checking kinds */
#include "feature.h"
#include <pthread.h>

#define THREADS 3
#define TURNS 60

static pthread_mutex_t mutex;
static volatile long counter;

static void *take_turns(void *argument)
{
	for (int i = 0; i < TURNS; i++) {
		CHECK_0(pthread_mutex_lock(&mutex));
		long value = counter;

		sched_yield();
		counter = value + 1;
		CHECK_0(pthread_mutex_unlock(&mutex));
	}
	return argument;
}

static void *give_up(void *argument)
{
	struct timespec until;

	CHECK(clock_gettime(CLOCK_REALTIME, &until) == 0);
	until.tv_nsec += 20000000;
	if (until.tv_nsec >= 1000000000)
		until.tv_sec++, until.tv_nsec -= 1000000000;
	CHECK(pthread_mutex_timedlock(&mutex, &until) == ETIMEDOUT);
	CHECK(pthread_mutex_unlock(&mutex) == EPERM);
	return argument;
}

int main(int argc, char **argv)
{
	pthread_mutexattr_t attributes;
	pthread_t threads[THREADS], other;

	begin(argc, argv);
	CHECK_0(pthread_mutexattr_init(&attributes));
	CHECK_0(pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT));
	CHECK_0(pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK));
	CHECK_0(pthread_mutex_init(&mutex, &attributes));
	ready();
	do {
		counter = 0;
		CHECK_0(pthread_mutex_lock(&mutex));
		CHECK(pthread_mutex_lock(&mutex) == EDEADLK);
		for (int i = 0; i < THREADS; i++)
			CHECK_0(pthread_create(&threads[i], NULL, take_turns, NULL));
		CHECK_0(pthread_create(&other, NULL, give_up, NULL));
		CHECK_0(pthread_join(other, NULL));
		/* All the others wait in the kernel for it. */
		point();
		CHECK(counter == 0);
		CHECK_0(pthread_mutex_unlock(&mutex));
		for (int i = 0; i < THREADS; i++)
			CHECK_0(pthread_join(threads[i], NULL));
		CHECK(counter == THREADS * TURNS);
	} while (again());
	return pass();
}

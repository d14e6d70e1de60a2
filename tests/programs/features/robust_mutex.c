/* SPDX-License-Identifier: GPL-2.0-only */
/* threads: a thread dies with a robust mutex: the next owner is told and repairs it */
#include "feature.h"
#include <pthread.h>

static pthread_mutex_t mutex;
static volatile int holds, release;

static void *die_with_it(void *argument)
{
	CHECK_0(pthread_mutex_lock(&mutex));
	holds = 1;
	while (!release)
		nap(1);
	return argument;
}

static void *wait_for_it(void *argument)
{
	CHECK(pthread_mutex_lock(&mutex) == EOWNERDEAD);
	CHECK_0(pthread_mutex_consistent(&mutex));
	CHECK_0(pthread_mutex_unlock(&mutex));
	return argument;
}

int main(int argc, char **argv)
{
	pthread_mutexattr_t robust;
	pthread_t owner, waiter;

	begin(argc, argv);
	CHECK_0(pthread_mutexattr_init(&robust));
	CHECK_0(pthread_mutexattr_setrobust(&robust, PTHREAD_MUTEX_ROBUST));
	ready();
	do {
		CHECK_0(pthread_mutex_init(&mutex, &robust));
		holds = release = 0;
		CHECK_0(pthread_create(&owner, NULL, die_with_it, NULL));
		AWAIT(holds);
		CHECK(pthread_mutex_trylock(&mutex) == EBUSY);
		CHECK_0(pthread_create(&waiter, NULL, wait_for_it, NULL));
		nap(2);
		point();
		release = 1;
		CHECK_0(pthread_join(owner, NULL));
		CHECK_0(pthread_join(waiter, NULL));
		CHECK_0(pthread_mutex_lock(&mutex));
		CHECK_0(pthread_mutex_unlock(&mutex));
		/* Nobody repairs it this time. */
		holds = 0;
		CHECK_0(pthread_create(&owner, NULL, die_with_it, NULL));
		CHECK_0(pthread_join(owner, NULL));
		CHECK(pthread_mutex_lock(&mutex) == EOWNERDEAD);
		CHECK_0(pthread_mutex_unlock(&mutex));
		CHECK(pthread_mutex_lock(&mutex) == ENOTRECOVERABLE);
		CHECK_0(pthread_mutex_destroy(&mutex));
	} while (again());
	return pass();
}

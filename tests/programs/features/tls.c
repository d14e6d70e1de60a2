/* SPDX-License-Identifier: GPL-2.0-only */
/* threads: thread-local variables, keys with destructors, pthread_once */
#include "feature.h"
#include <pthread.h>

#define THREADS 4

static __thread long initialised = 77;
static __thread char large[20000];
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static volatile int destroyed, made, waiting, gate;

static void destroy(void *value)
{
	__atomic_add_fetch(&destroyed, (int)(long)value, __ATOMIC_SEQ_CST);
}

static void make_key(void)
{
	made++;
	CHECK_0(pthread_key_create(&key, destroy));
}

static void *use(void *argument)
{
	long number = (long)argument;

	CHECK_0(pthread_once(&once, make_key));
	CHECK(initialised == 77 && large[0] == 0 && large[sizeof large - 1] == 0 && !pthread_getspecific(key));
	initialised += number;
	memset(large, number, sizeof large);
	CHECK_0(pthread_setspecific(key, argument));
	__atomic_add_fetch(&waiting, 1, __ATOMIC_SEQ_CST);
	while (!gate)
		nap(1);
	CHECK(initialised == 77 + number && pthread_getspecific(key) == argument);
	for (size_t i = 0; i < sizeof large; i++)
		CHECK(large[i] == number);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];

	begin(argc, argv);
	initialised = 4;
	ready();
	do {
		destroyed = waiting = gate = 0;
		for (long i = 0; i < THREADS; i++)
			CHECK_0(pthread_create(&threads[i], NULL, use, (void *)(i + 1)));
		AWAIT(waiting == THREADS);
		point();
		CHECK(initialised == 4 && destroyed == 0 && made == 1);
		gate = 1;
		for (int i = 0; i < THREADS; i++)
			CHECK_0(pthread_join(threads[i], NULL));
		CHECK(destroyed == THREADS * (THREADS + 1) / 2);
	} while (again());
	return pass();
}

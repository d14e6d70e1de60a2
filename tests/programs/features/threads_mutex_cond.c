/* SPDX-License-Identifier: GPL-2.0-only */
/* threads: producers and consumers with a mutex and two condition variables lose nothing */
#include "feature.h"
#include <pthread.h>

#define ROOM 4
#define EACH 200
#define PAIRS 2

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t room = PTHREAD_COND_INITIALIZER, goods = PTHREAD_COND_INITIALIZER;
static long buffer[ROOM], in, out, sum;

static void *produce(void *argument)
{
	for (long i = 1; i <= EACH; i++) {
		CHECK_0(pthread_mutex_lock(&mutex));
		while (in - out == ROOM)
			CHECK_0(pthread_cond_wait(&room, &mutex));
		buffer[in++ % ROOM] = i;
		CHECK_0(pthread_cond_signal(&goods));
		CHECK_0(pthread_mutex_unlock(&mutex));
	}
	return argument;
}

static void *consume(void *argument)
{
	for (long i = 1; i <= EACH; i++) {
		CHECK_0(pthread_mutex_lock(&mutex));
		while (in == out)
			CHECK_0(pthread_cond_wait(&goods, &mutex));
		sum += buffer[out++ % ROOM];
		CHECK_0(pthread_cond_broadcast(&room));
		CHECK_0(pthread_mutex_unlock(&mutex));
	}
	return argument;
}

int main(int argc, char **argv)
{
	pthread_t threads[2 * PAIRS];
	struct timespec until;

	begin(argc, argv);
	ready();
	do {
		in = out = sum = 0;
		for (int i = 0; i < PAIRS; i++)
			CHECK_0(pthread_create(&threads[i], NULL, consume, NULL));
		/* All of them wait for goods now. */
		point();
		for (int i = 0; i < PAIRS; i++)
			CHECK_0(pthread_create(&threads[PAIRS + i], NULL, produce, NULL));
		busy_point();
		for (int i = 0; i < 2 * PAIRS; i++)
			CHECK_0(pthread_join(threads[i], NULL));
		CHECK(in == PAIRS * EACH && out == in && sum == PAIRS * EACH * (EACH + 1) / 2);
		/* Nobody will signal. */
		CHECK(clock_gettime(CLOCK_REALTIME, &until) == 0);
		until.tv_nsec += 20000000;
		if (until.tv_nsec >= 1000000000)
			until.tv_sec++, until.tv_nsec -= 1000000000;
		CHECK_0(pthread_mutex_lock(&mutex));
		CHECK(pthread_cond_timedwait(&goods, &mutex, &until) == ETIMEDOUT);
		CHECK_0(pthread_mutex_unlock(&mutex));
	} while (again());
	return pass();
}

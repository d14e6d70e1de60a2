/* SPDX-License-Identifier: GPL-2.0-only */
/* threads: read-write locks, barriers, spin locks and semaphores */
#include "feature.h"
#include <pthread.h>
#include <semaphore.h>

#define THREADS 3
#define TURNS 20

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_barrier_t barrier;
static sem_t semaphore;
static long one, two, inside, serial;

static void *work(void *argument)
{
	for (int turn = 0; turn < TURNS; turn++) {
		int last = pthread_barrier_wait(&barrier);

		CHECK(last == 0 || last == PTHREAD_BARRIER_SERIAL_THREAD);
		if (last)
			__atomic_add_fetch(&serial, 1, __ATOMIC_SEQ_CST);
		CHECK_0(pthread_rwlock_rdlock(&lock));
		CHECK(one == -two);
		CHECK_0(pthread_rwlock_unlock(&lock));
		CHECK_0(pthread_rwlock_wrlock(&lock));
		one++;
		sched_yield();
		two--;
		CHECK_0(pthread_rwlock_unlock(&lock));
		/* At most two at a time. */
		while (sem_wait(&semaphore))
			CHECK(errno == EINTR);
		CHECK(__atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST) <= 2);
		sched_yield();
		__atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST);
		CHECK(sem_post(&semaphore) == 0);
	}
	return argument;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];
	int value;

	begin(argc, argv);
	CHECK(sem_init(&semaphore, 0, 2) == 0);
	ready();
	do {
		one = two = serial = 0;
		CHECK_0(pthread_barrier_init(&barrier, NULL, THREADS + 1));
		for (int i = 0; i < THREADS; i++)
			CHECK_0(pthread_create(&threads[i], NULL, work, NULL));
		nap(2);
		/* All of them wait at the barrier for us. */
		point();
		for (int turn = 0; turn < TURNS; turn++)
			if (pthread_barrier_wait(&barrier))
				__atomic_add_fetch(&serial, 1, __ATOMIC_SEQ_CST);
		for (int i = 0; i < THREADS; i++)
			CHECK_0(pthread_join(threads[i], NULL));
		CHECK(one == THREADS * TURNS && serial == TURNS);
		CHECK(sem_getvalue(&semaphore, &value) == 0 && value == 2);
		CHECK_0(pthread_barrier_destroy(&barrier));
	} while (again());
	return pass();
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* memory: mutex, condition variable and barrier shared between processes; a robust one outlives its owner */
#include "feature.h"
#include <pthread.h>
#include <sys/mman.h>

#define TURNS 50

static struct {
	pthread_mutex_t mutex, robust;
	pthread_cond_t changed;
	pthread_barrier_t barrier;
	volatile long counter, turn;
} *shared;

static void take_turns(int who)
{
	CHECK(pthread_barrier_wait(&shared->barrier) <= 0);
	for (int i = 0; i < TURNS; i++) {
		CHECK_0(pthread_mutex_lock(&shared->mutex));
		while (shared->turn != who)
			CHECK_0(pthread_cond_wait(&shared->changed, &shared->mutex));
		shared->counter++;
		shared->turn = !who;
		CHECK_0(pthread_cond_signal(&shared->changed));
		CHECK_0(pthread_mutex_unlock(&shared->mutex));
	}
}

int main(int argc, char **argv)
{
	pthread_mutexattr_t mutex;
	pthread_condattr_t condition;
	pthread_barrierattr_t barrier;

	begin(argc, argv);
	shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(shared != MAP_FAILED);
	CHECK_0(pthread_mutexattr_init(&mutex));
	CHECK_0(pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED));
	CHECK_0(pthread_mutex_init(&shared->mutex, &mutex));
	CHECK_0(pthread_condattr_init(&condition));
	CHECK_0(pthread_condattr_setpshared(&condition, PTHREAD_PROCESS_SHARED));
	CHECK_0(pthread_cond_init(&shared->changed, &condition));
	CHECK_0(pthread_barrierattr_init(&barrier));
	CHECK_0(pthread_barrierattr_setpshared(&barrier, PTHREAD_PROCESS_SHARED));
	CHECK_0(pthread_barrier_init(&shared->barrier, &barrier, 2));
	CHECK_0(pthread_mutexattr_setrobust(&mutex, PTHREAD_MUTEX_ROBUST));
	ready();
	do {
		shared->counter = shared->turn = 0;
		CHECK_0(pthread_mutex_init(&shared->robust, &mutex));
		pid_t child = split();

		if (!child) {
			take_turns(1);
			CHECK_0(pthread_mutex_lock(&shared->robust));
			_exit(0);
		}
		point();
		take_turns(0);
		CHECK(exit_of(child) == 0 && shared->counter == 2 * TURNS);
		CHECK(pthread_mutex_lock(&shared->robust) == EOWNERDEAD);
		CHECK_0(pthread_mutex_consistent(&shared->robust));
		CHECK_0(pthread_mutex_unlock(&shared->robust));
	} while (again());
	return pass();
}

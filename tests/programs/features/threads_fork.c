/* SPDX-License-Identifier: GPL-2.0-only */
/* threads: fork in a thread: the child has that thread alone; pthread_atfork */
#include "feature.h"
#include <pthread.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static volatile int stop, prepared, in_parent, in_child;
static int there[2];

static void prepare(void) { CHECK_0(pthread_mutex_lock(&mutex)); prepared++; }
static void parent(void) { in_parent++; CHECK_0(pthread_mutex_unlock(&mutex)); }
static void child(void) { in_child++; CHECK_0(pthread_mutex_unlock(&mutex)); }

static void *lock_and_unlock(void *argument)
{
	while (!stop) {
		CHECK_0(pthread_mutex_lock(&mutex));
		nap(1);
		CHECK_0(pthread_mutex_unlock(&mutex));
	}
	return argument;
}

static void *fork_here(void *argument)
{
	pid_t pid = split();

	if (!pid) {
		CHECK(gettid() == getpid() && in_child == 1);
		CHECK_0(pthread_mutex_lock(&mutex));
		CHECK_0(pthread_mutex_unlock(&mutex));
		CHECK(access("/proc/self/task", F_OK) == 0);
		_exit(hear(there[0]));
	}
	*(pid_t *)argument = pid;
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t locker, forker;
	pid_t pid;

	begin(argc, argv);
	CHECK_0(pthread_atfork(prepare, parent, child));
	CHECK(pipe(there) == 0);
	ready();
	do {
		stop = prepared = in_parent = 0;
		CHECK_0(pthread_create(&locker, NULL, lock_and_unlock, NULL));
		CHECK_0(pthread_create(&forker, NULL, fork_here, &pid));
		CHECK_0(pthread_join(forker, NULL));
		CHECK(prepared == 1 && in_parent == 1 && in_child == 0);
		point();
		tell(there[1], 44);
		CHECK(exit_of(pid) == 44);
		stop = 1;
		CHECK_0(pthread_join(locker, NULL));
	} while (again());
	return pass();
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Threads that take turns (condition variable), each with its own descriptor, thread-local number and alternate stack; threads
 * made, joined and cancelled in every round; neighbouring bytes of one page filled by calls of several; signals to one.
 */
#include "program.h"
#include <pthread.h>
#include <sys/syscall.h>

#define MOST 64

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_t workers[MOST];
static long turns[MOST];
static int turn, stop;
static __thread long number = -1;
static volatile sig_atomic_t signalled[MOST];
static char shared[4096];
static pid_t tids[MOST];

static void on_signal(int signal)
{
	(void)signal;
	if (number >= 0)
		signalled[number]++;
}

static void *work(void *argument)
{
	int ends[2];

	number = (long)argument;
	tids[number] = syscall(SYS_gettid);
	CHECK(pipe(ends) == 0);
	for (;;) {
		CHECK(pthread_mutex_lock(&lock) == 0);
		while (turn != number && !stop)
			CHECK(pthread_cond_wait(&changed, &lock) == 0);
		turns[number]++;
		turn = (number + 1) % options.workers;
		pthread_cond_broadcast(&changed);
		CHECK(pthread_mutex_unlock(&lock) == 0);
		if (stop)
			break;
		/* A byte of a page that the others use too goes out, and comes back through a call. */
		shared[number] = (char)(turns[number] + number);
		CHECK(write(ends[1], &shared[number], 1) == 1);
		CHECK(read(ends[0], &shared[100 + number], 1) == 1);
		CHECK(shared[100 + number] == (char)(turns[number] + number));
		CHECK(shared[number] == shared[100 + number]);
		CHECK(syscall(SYS_gettid) == tids[number]);
		for (volatile int i = 0; i < 20000; i++)
			;
	}
	CHECK(close(ends[0]) == 0 && close(ends[1]) == 0);
	return (void *)(number * 10);
}

static void *brief(void *argument) { return argument; }

static void *sleeper(void *argument)
{
	for (;;)
		sleep(1000);
	return argument;
}

static void births(void)
{
	pthread_t thread;
	void *result;
	long i;

	for (i = 1; i <= 3; i++) {
		CHECK(pthread_create(&thread, NULL, brief, (void *)i) == 0);
		CHECK(pthread_join(thread, &result) == 0 && result == (void *)i);
	}
	CHECK(pthread_create(&thread, NULL, sleeper, NULL) == 0);
	CHECK(pthread_cancel(thread) == 0);
	CHECK(pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED);
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	struct timespec moment = { 0, 1000000 };
	long i, before[MOST];
	void *result;

	start(argc, argv);
	CHECK(options.workers > 0 && options.workers <= MOST);
	CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
	for (i = 0; i < options.workers; i++)
		CHECK(pthread_create(&workers[i], NULL, work, (void *)i) == 0);
	do {
		pthread_mutex_lock(&lock);
		memcpy(before, turns, sizeof before);
		pthread_mutex_unlock(&lock);
		births();
		for (i = 0; i < options.workers; i++) {
			int seen = signalled[i];

			CHECK(pthread_kill(workers[i], SIGUSR1) == 0);
			while (signalled[i] == seen)
				nanosleep(&moment, NULL);
		}
		/* Everybody works. */
		for (i = 0; i < options.workers; i++)
			while (__atomic_load_n(&turns[i], __ATOMIC_RELAXED) == before[i])
				nanosleep(&moment, NULL);
	} while (another_round());
	pthread_mutex_lock(&lock);
	stop = 1;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	for (i = 0; i < options.workers; i++)
		CHECK(pthread_join(workers[i], &result) == 0 && result == (void *)(i * 10));
	return pass();
}

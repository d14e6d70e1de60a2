/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A parent and workers that share a page of anonymous memory: a process-shared mutex and condition variable tell of each round,
 * counters are kept with and without the mutex, and a futex word wakes the parent. Worker 1 has a thread, and worker 2
 * makes a child in every round, which counts too. Each worker has memory of its own besides.
 */
#include "program.h"
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define WORKERS 3
#define ADDITIONS 2000

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	long round;			/* under the lock */
	int stop;
	long under_lock[WORKERS];
	long plain;			/* what all have added, under the lock */
	uint32_t atomic;		/* the same without */
	uint32_t done;			/* futex: workers that have done this round */
	long children;
} *shared;

static volatile int halt;
static volatile unsigned long spins;

static void *spin(void *argument)
{
	while (!halt)
		spins++;
	return argument;
}

static void wake(uint32_t *word)
{
	CHECK(syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0) >= 0);
}

static void add(long worker)
{
	for (int i = 0; i < ADDITIONS; i++)
		__atomic_fetch_add(&shared->atomic, 1, __ATOMIC_RELAXED);
	CHECK(pthread_mutex_lock(&shared->lock) == 0);
	shared->plain += ADDITIONS;
	shared->under_lock[worker]++;
	CHECK(pthread_mutex_unlock(&shared->lock) == 0);
}

static void child(long round)
{
	int status;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (!pid) {
		CHECK(shared->round == round);
		CHECK(__atomic_add_fetch(&shared->children, 1, __ATOMIC_RELAXED) == round);
		_exit(7);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	CHECK(shared->children == round);
}

static void work(long worker)
{
	size_t bytes = (size_t)options.megabytes << 20;
	char *own = malloc(bytes);
	pthread_t thread;
	long round = 0;

	CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
	CHECK(own);
	fill(own, bytes, worker);
	if (worker == 1)
		CHECK(pthread_create(&thread, NULL, spin, NULL) == 0);
	for (;;) {
		CHECK(pthread_mutex_lock(&shared->lock) == 0);
		while (shared->round == round && !shared->stop)
			CHECK(pthread_cond_wait(&shared->changed, &shared->lock) == 0);
		CHECK(shared->stop || shared->round == round + 1);
		round = shared->round;
		CHECK(pthread_mutex_unlock(&shared->lock) == 0);
		if (shared->stop)
			break;
		CHECK(is_filled(own, bytes, worker));
		add(worker);
		if (worker == 2)
			child(round);
		__atomic_fetch_add(&shared->done, 1, __ATOMIC_RELEASE);
		wake(&shared->done);
	}
	halt = 1;
	if (worker == 1)
		CHECK(pthread_join(thread, NULL) == 0);
	exit(0);
}

static void set_up(void)
{
	pthread_mutexattr_t mutex;
	pthread_condattr_t condition;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(shared != MAP_FAILED);
	CHECK(pthread_mutexattr_init(&mutex) == 0 && pthread_condattr_init(&condition) == 0);
	CHECK(pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED) == 0);
	CHECK(pthread_condattr_setpshared(&condition, PTHREAD_PROCESS_SHARED) == 0);
	CHECK(pthread_mutex_init(&shared->lock, &mutex) == 0);
	CHECK(pthread_cond_init(&shared->changed, &condition) == 0);
}

static void tell(int stop)
{
	CHECK(pthread_mutex_lock(&shared->lock) == 0);
	shared->stop = stop;
	shared->round += !stop;
	shared->done = 0;
	CHECK(pthread_cond_broadcast(&shared->changed) == 0);
	CHECK(pthread_mutex_unlock(&shared->lock) == 0);
}

static void round_of_all(void)
{
	uint32_t done;

	tell(0);
	while ((done = __atomic_load_n(&shared->done, __ATOMIC_ACQUIRE)) < WORKERS) {
		CHECK(syscall(SYS_futex, &shared->done, FUTEX_WAIT, done, NULL, NULL, 0) == 0 || errno == EAGAIN ||
		      errno == EINTR);
	}
	CHECK(shared->plain == shared->round * WORKERS * ADDITIONS);
	CHECK(shared->atomic == (uint32_t)shared->plain);
	for (int i = 0; i < WORKERS; i++)
		CHECK(shared->under_lock[i] == shared->round);
	CHECK(shared->children == shared->round);
}

int main(int argc, char **argv)
{
	pid_t workers[WORKERS];

	start(argc, argv);
	set_up();
	for (long i = 0; i < WORKERS; i++) {
		workers[i] = fork();
		CHECK(workers[i] >= 0);
		if (!workers[i])
			work(i);
	}
	do
		round_of_all();
	while (another_round());
	tell(1);
	for (int i = 0; i < WORKERS; i++) {
		int status;

		CHECK(waitpid(workers[i], &status, 0) == workers[i]);
		CHECK(status == 0);
	}
	return pass();
}

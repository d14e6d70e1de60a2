/* SPDX-License-Identifier: GPL-2.0-only */
/* threads: futex waits with a time limit: woken by another thread, or over in time, neither early nor with another error */
#include "feature.h"
#include <linux/futex.h>
#include <pthread.h>

#define MINUTE 60000
#define MOMENT 300

static int woken_word, late_word;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int flag;

static long wait_for(int *word, long milliseconds)
{
	struct timespec time = { milliseconds / 1000, milliseconds % 1000 * 1000000 };

	return syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, 0, &time, NULL, 0);
}

/* The word stays what it is: nobody but the one who wakes can end this before the time is over. */
static void *be_woken(void *argument)
{
	CHECK(wait_for(&woken_word, MINUTE) == 0);
	return argument;
}

static void *be_late(void *argument)
{
	int64_t before = now();

	CHECK(wait_for(&late_word, MOMENT) == -1 && errno == ETIMEDOUT);
	CHECK(now() - before >= MOMENT * 1000000ll);
	return argument;
}

/* Until a point in time. */
static void *be_signalled(void *argument)
{
	struct timespec until;

	CHECK(clock_gettime(CLOCK_REALTIME, &until) == 0);
	until.tv_sec += MINUTE / 1000;
	CHECK_0(pthread_mutex_lock(&mutex));
	while (!flag)
		CHECK_0(pthread_cond_timedwait(&changed, &mutex, &until));
	CHECK_0(pthread_mutex_unlock(&mutex));
	return argument;
}

int main(int argc, char **argv)
{
	pthread_t woken, late, signalled;

	begin(argc, argv);
	ready();
	do {
		flag = 0;
		CHECK_0(pthread_create(&woken, NULL, be_woken, NULL));
		CHECK_0(pthread_create(&signalled, NULL, be_signalled, NULL));
		CHECK_0(pthread_create(&late, NULL, be_late, NULL));
		nap(20);
		/* They begin to wait at one place, and are woken at another. */
		busy_point();
		AWAIT(syscall(SYS_futex, &woken_word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) == 1);
		CHECK_0(pthread_mutex_lock(&mutex));
		flag = 1;
		CHECK_0(pthread_cond_signal(&changed));
		CHECK_0(pthread_mutex_unlock(&mutex));
		CHECK_0(pthread_join(woken, NULL));
		CHECK_0(pthread_join(signalled, NULL));
		CHECK_0(pthread_join(late, NULL));
	} while (again());
	return pass();
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* threads: cancellation in a blocking read and of a computing thread, clean-up handlers, disabled for a while */
#include "feature.h"
#include <pthread.h>

static int ends[2];
static volatile int cleaned, started, released;

static void clean(void *argument)
{
	cleaned += (int)(long)argument;
}

static void *read_for_ever(void *argument)
{
	char byte;

	pthread_cleanup_push(clean, (void *)1l);
	pthread_cleanup_push(clean, (void *)10l);
	started = 1;
	if (read(ends[0], &byte, 1) >= 0)
		fail("read ended");
	pthread_cleanup_pop(0);
	pthread_cleanup_pop(0);
	return argument;
}

static void *compute_for_ever(void *argument)
{
	CHECK_0(pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL));
	started = 1;
	for (volatile unsigned long i = 0;; i++)
		;
	return argument;
}

static void *not_now(void *argument)
{
	int old;

	CHECK_0(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL));
	started = 1;
	while (!released)
		nap(1);
	CHECK(cleaned == 11);
	pthread_cleanup_push(clean, (void *)100l);
	CHECK_0(pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old));
	pthread_testcancel();
	fail("not cancelled");
	pthread_cleanup_pop(0);
	return argument;
}

int main(int argc, char **argv)
{
	static void *(*const kinds[])(void *) = { read_for_ever, compute_for_ever, not_now };
	pthread_t thread;
	void *result;

	begin(argc, argv);
	CHECK(pipe(ends) == 0);
	ready();
	do {
		cleaned = 0;
		for (int kind = 0; kind < 3; kind++) {
			started = released = 0;
			CHECK_0(pthread_create(&thread, NULL, kinds[kind], NULL));
			AWAIT(started);
			point();
			CHECK_0(pthread_cancel(thread));
			released = 1;
			CHECK_0(pthread_join(thread, &result));
			CHECK(result == PTHREAD_CANCELED);
		}
		CHECK(cleaned == 111);
	} while (again());
	return pass();
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* threads: timers that start a thread (SIGEV_THREAD) or signal a certain one (SIGEV_THREAD_ID) */
#include "feature.h"
#include <pthread.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static volatile int fired, wrong_thread, heard;
static volatile pid_t target;

static void on_timer(union sigval value)
{
	if (gettid() == getpid())
		wrong_thread++;
	__atomic_add_fetch(&fired, value.sival_int, __ATOMIC_SEQ_CST);
}

static void on_signal(int signal)
{
	(void)signal;
	if (gettid() != target)
		wrong_thread++;
	heard++;
}

static void *listen_here(void *argument)
{
	target = gettid();
	while (heard < 3)
		nap(1);
	return argument;
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	handle(SIGUSR1, on_signal, SA_RESTART);
	ready();
	do {
		struct sigevent by_thread = { .sigev_notify = SIGEV_THREAD, .sigev_value.sival_int = 5,
					      .sigev_notify_function = on_timer };
		struct sigevent to_thread = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1 };
		struct itimerspec often = { { 0, 5000000 }, { 0, 5000000 } };
		timer_t one, two;
		pthread_t thread;

		fired = heard = target = 0;
		CHECK_0(pthread_create(&thread, NULL, listen_here, NULL));
		AWAIT(target);
		to_thread.sigev_notify_thread_id = target;
		CHECK(timer_create(CLOCK_MONOTONIC, &by_thread, &one) == 0);
		CHECK(timer_create(CLOCK_MONOTONIC, &to_thread, &two) == 0);
		CHECK(timer_settime(one, 0, &often, NULL) == 0);
		AWAIT(fired >= 15);
		busy_point();
		int before = fired;

		AWAIT(fired >= before + 15);
		CHECK(timer_delete(one) == 0);
		CHECK(timer_settime(two, 0, &often, NULL) == 0);
		CHECK_0(pthread_join(thread, NULL));
		CHECK(timer_delete(two) == 0);
		CHECK(fired % 5 == 0 && wrong_thread == 0);
	} while (again());
	return pass();
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* threads: a signal to one thread, masks of each, a signal to the process goes to who does not block it, sigwait */
#include "feature.h"
#include <pthread.h>

#define THREADS 3

static __thread volatile sig_atomic_t mine;
static volatile int tids[THREADS], counts[THREADS], last_code, stop;

static void on_signal(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)context;
	mine++;
	last_code = info->si_code;
}

static void *wait_for_signals(void *argument)
{
	long number = (long)argument;
	sigset_t usr2 = only(SIGUSR2);

	/* Only the last one takes SIGUSR2. */
	CHECK_0(pthread_sigmask(number == THREADS - 1 ? SIG_UNBLOCK : SIG_BLOCK, &usr2, NULL));
	tids[number] = gettid();
	while (!stop) {
		nap(1);
		counts[number] = mine;
	}
	return NULL;
}

static void *take_by_wait(void *argument)
{
	sigset_t set = only(SIGTERM);
	int signal;

	CHECK_0(sigwait(&set, &signal));
	CHECK(signal == SIGTERM);
	return argument;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS], waiter;

	begin(argc, argv);
	handle_info(SIGUSR1, on_signal, SA_RESTART);
	handle_info(SIGUSR2, on_signal, SA_RESTART);
	block(SIGTERM);
	block(SIGUSR2);
	ready();
	do {
		stop = 0;
		for (long i = 0; i < THREADS; i++) {
			tids[i] = counts[i] = 0;
			CHECK_0(pthread_create(&threads[i], NULL, wait_for_signals, (void *)i));
		}
		CHECK_0(pthread_create(&waiter, NULL, take_by_wait, NULL));
		for (int i = 0; i < THREADS; i++)
			AWAIT(tids[i]);
		/* While a signal is waited for, it is not blocked. */
		busy_point();
		CHECK(tgkill(getpid(), tids[1], SIGUSR1) == 0);
		AWAIT(counts[1] == 1);
		CHECK(last_code == SI_TKILL && counts[0] == 0 && counts[2] == 0 && mine == 0);
		CHECK_0(pthread_kill(threads[0], SIGUSR1));
		AWAIT(counts[0] == 1);
		for (int i = 1; i <= 3; i++) {
			CHECK(kill(getpid(), SIGUSR2) == 0);
			AWAIT(counts[THREADS - 1] == i);
		}
		CHECK(counts[0] == 1 && counts[1] == 1 && mine == 0 && last_code == SI_USER);
		/* Blocked there: stays pending for that thread alone. */
		CHECK_0(pthread_kill(threads[0], SIGUSR2));
		nap(5);
		CHECK(counts[0] == 1 && counts[THREADS - 1] == 3);
		CHECK(kill(getpid(), SIGTERM) == 0);
		CHECK_0(pthread_join(waiter, NULL));
		stop = 1;
		for (int i = 0; i < THREADS; i++)
			CHECK_0(pthread_join(threads[i], NULL));
		/* It may live a moment longer than the one who waits for it knows. */
		AWAIT(tgkill(getpid(), tids[1], 0) == -1 && errno == ESRCH);
	} while (again());
	return pass();
}

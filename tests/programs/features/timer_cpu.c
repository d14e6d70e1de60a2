/* SPDX-License-Identifier: GPL-2.0-only */
/* timers: timer_create with the CPU clocks of process and thread, and clock_nanosleep with another's */
#include "feature.h"

static volatile int count[2];

static void on_signal(int signal) { count[signal == SIGUSR2]++; }

static void compute(void)
{
	static volatile double x = 1;

	for (int i = 0; i < 50000; i++)
		x = x * 1.0000001;
}

int main(int argc, char **argv)
{
	static const clockid_t clocks[2] = { CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID };
	timer_t timers[2];

	begin(argc, argv);
	handle(SIGUSR1, on_signal, SA_RESTART);
	handle(SIGUSR2, on_signal, SA_RESTART);
	for (int i = 0; i < 2; i++) {
		struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = i ? SIGUSR2 : SIGUSR1 };

		CHECK(timer_create(clocks[i], &event, &timers[i]) == 0);
	}
	ready();
	do {
		struct itimerspec once = { { 0, 0 }, { 0, 40000000 } }, found;
		int64_t before = time_of(CLOCK_PROCESS_CPUTIME_ID);

		count[0] = count[1] = 0;
		for (int i = 0; i < 2; i++)
			CHECK(timer_settime(timers[i], 0, &once, NULL) == 0);
		nap(50);
		CHECK(count[0] == 0 && count[1] == 0);
		point();
		while (!count[0] || !count[1])
			compute();
		CHECK(time_of(CLOCK_PROCESS_CPUTIME_ID) - before >= 38000000);
		for (int i = 0; i < 2; i++)
			CHECK(timer_gettime(timers[i], &found) == 0 && found.it_value.tv_nsec == 0);
		/* The CPU clock of a child. */
		pid_t child = split();

		if (!child) {
			burn(1000);
			_exit(0);
		}
		clockid_t theirs;
		struct timespec until = { 0, 10000000 };

		CHECK_0(clock_getcpuclockid(child, &theirs));
		CHECK_0(clock_nanosleep(theirs, TIMER_ABSTIME, &until, NULL));
		CHECK(time_of(theirs) >= 10000000);
		CHECK(kill(child, SIGKILL) == 0 && WIFSIGNALED(status_of(child)));
	} while (again());
	return pass();
}

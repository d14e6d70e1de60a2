/* SPDX-License-Identifier: GPL-2.0-only */
/* signals: nanosleep interrupted by a handler tells the rest, which adds up; by SIGSTOP it goes on */
#include "feature.h"
#include <sys/time.h>

static volatile int count;

static void on_alarm(int signal) { (void)signal; count++; }

int main(int argc, char **argv)
{
	begin(argc, argv);
	handle(SIGALRM, on_alarm, SA_RESTART);
	ready();
	do {
		struct itimerval often = { { 0, 15000 }, { 0, 15000 } }, off = { { 0, 0 }, { 0, 0 } };
		struct timespec rest = { 0, 80000000 };
		int64_t before = now();
		int interruptions = 0;

		CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
		while (nanosleep(&rest, &rest) == -1) {
			CHECK(errno == EINTR);
			/* The kernel adds some slack. */
			if (rest.tv_sec != 0 || rest.tv_nsec <= 0 || rest.tv_nsec >= 81000000)
				fail("after %d interruptions %ld.%09ld s are left", interruptions, rest.tv_sec, rest.tv_nsec);
			interruptions++;
		}
		/* Clocks of two machines differ by a transit. */
		CHECK(now() - before >= 60000000 && interruptions > 0 && count > 0);
		CHECK(setitimer(ITIMER_REAL, &off, NULL) == 0);
		point();
		/* A child stops us for a while. */
		pid_t parent = getpid(), child = split();

		if (!child) {
			nap(10);
			CHECK(kill(parent, SIGSTOP) == 0);
			nap(20);
			CHECK(kill(parent, SIGCONT) == 0);
			_exit(0);
		}
		before = now();
		CHECK(usleep(60000) == 0 && now() - before >= 50000000);
		CHECK(exit_of(child) == 0);
	} while (again());
	return pass();
}

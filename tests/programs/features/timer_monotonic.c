/* SPDX-License-Identifier: GPL-2.0-only */
/* timers: timer_create with CLOCK_MONOTONIC: periodic, blocked signals count as overruns */
#include "feature.h"

int main(int argc, char **argv)
{
	timer_t timer, silent;
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct sigevent none = { .sigev_notify = SIGEV_NONE };
	struct timespec long_time = { 20, 0 };
	struct itimerspec found;
	sigset_t set = only(SIGUSR1);
	siginfo_t info;

	begin(argc, argv);
	block(SIGUSR1);
	CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0 && timer_create(CLOCK_MONOTONIC, &none, &silent) == 0);
	ready();
	do {
		struct itimerspec often = { { 0, 5000000 }, { 0, 5000000 } }, off = { { 0, 0 }, { 0, 0 } };
		struct itimerspec once = { { 0, 0 }, { 0, 20000000 } };
		int64_t before = now();
		long ticks = 0;

		CHECK(timer_settime(silent, 0, &once, NULL) == 0 && timer_settime(timer, 0, &often, NULL) == 0);
		busy_point();
		nap(40);
		while (ticks < 12) {
			int taken = sigtimedwait(&set, &info, &long_time);

			/* Whether a move may interrupt it is another program's question. */
			if (taken == -1 && errno == EINTR)
				continue;
			CHECK(taken == SIGUSR1 && info.si_code == SI_TIMER);
			ticks += 1 + info.si_overrun;
		}
		CHECK(timer_settime(timer, 0, &off, NULL) == 0);
		/* Not more ticks than time. */
		int64_t after = now();

		if (ticks > (after - before) / 5000000)
			fail("%ld ticks in %lld ns", ticks, (long long)(after - before));
		CHECK(timer_gettime(silent, &found) == 0 && found.it_value.tv_sec == 0 && found.it_value.tv_nsec == 0);
		struct timespec nothing = { 0, 0 };

		/* One may have been on its way. */
		while (sigtimedwait(&set, NULL, &nothing) == SIGUSR1)
			;
	} while (again());
	CHECK(timer_delete(timer) == 0 && timer_delete(silent) == 0);
	CHECK(timer_delete(timer) == -1 && errno == EINVAL);
	return pass();
}

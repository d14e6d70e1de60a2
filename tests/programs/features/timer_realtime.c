/* SPDX-License-Identifier: GPL-2.0-only */
/* timers: timer_create with CLOCK_REALTIME: absolute and relative, values, overruns */
#include "feature.h"

static volatile int count, value, code;

static void on_signal(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)context;
	count++;
	value = info->si_value.sival_int;
	code = info->si_code;
}

int main(int argc, char **argv)
{
	timer_t timer;
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 1 };
	struct itimerspec found;
	struct timespec time;

	begin(argc, argv);
	handle_info(SIGRTMIN + 1, on_signal, SA_RESTART);
	event.sigev_value.sival_int = 8086;
	CHECK(timer_create(CLOCK_REALTIME, &event, &timer) == 0);
	ready();
	do {
		struct itimerspec once = { { 0, 0 }, { 0, 30000000 } }, far = { { 0, 0 }, { 50, 0 } };
		struct itimerspec at = { { 0, 0 }, { 0, 0 } };

		count = 0;
		CHECK(timer_settime(timer, 0, &once, NULL) == 0);
		busy_point();
		AWAIT(count == 1);
		CHECK(value == 8086 && code == SI_TIMER && timer_getoverrun(timer) >= 0);
		CHECK(clock_gettime(CLOCK_REALTIME, &time) == 0);
		/* Far enough that it does not run out before it is set anew, however slow that is. */
		at.it_value.tv_sec = time.tv_sec + 40;
		CHECK(timer_settime(timer, TIMER_ABSTIME, &at, NULL) == 0);
		CHECK(timer_settime(timer, 0, &far, &found) == 0);
		CHECK(found.it_value.tv_sec >= 10 && found.it_value.tv_sec <= 40);
		point();
		CHECK(timer_gettime(timer, &found) == 0 && found.it_value.tv_sec >= 20 && found.it_value.tv_sec < 50);
		/* In the past: at once. */
		at.it_value.tv_sec = time.tv_sec - 5;
		CHECK(timer_settime(timer, TIMER_ABSTIME, &at, NULL) == 0);
		AWAIT(count == 2);
	} while (again());
	CHECK(timer_delete(timer) == 0);
	return pass();
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* Timers that count the CPU time of the process, and the clocks they go by. `forever`: without checks. */
#include "program.h"
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>

#define PERIOD_US 50000

int marker = 271828;
static volatile sig_atomic_t virtual_ticks, profile_ticks, posix_ticks;

static void on_virtual(int signal) { (void)signal; virtual_ticks++; }
static void on_profile(int signal) { (void)signal; profile_ticks++; }
static void on_posix(int signal) { (void)signal; posix_ticks++; }

static int64_t clock_us(clockid_t clock)
{
	struct timespec t;

	CHECK(clock_gettime(clock, &t) == 0);
	return t.tv_sec * 1000000ll + t.tv_nsec / 1000;
}

static int64_t usage_us(void)
{
	struct rusage u;

	CHECK(getrusage(RUSAGE_SELF, &u) == 0);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000ll + u.ru_utime.tv_usec + u.ru_stime.tv_usec;
}

int main(int argc, char **argv)
{
	struct itimerval period = { { 0, PERIOD_US }, { 0, PERIOD_US } };
	struct itimerspec posix_period = { { 0, PERIOD_US * 1000 }, { 0, PERIOD_US * 1000 } };
	struct sigaction action = { .sa_flags = SA_RESTART };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN };
	int64_t cpu, usage, before = 0, usage_before = 0, used, set;
	timer_t timer;
	int forever;

	start(argc, argv);
	forever = optind < argc && !strcmp(argv[optind], "forever");
	action.sa_handler = on_virtual;
	CHECK(sigaction(SIGVTALRM, &action, NULL) == 0);
	action.sa_handler = on_profile;
	CHECK(sigaction(SIGPROF, &action, NULL) == 0);
	action.sa_handler = on_posix;
	CHECK(sigaction(SIGRTMIN, &action, NULL) == 0);
	set = clock_us(CLOCK_PROCESS_CPUTIME_ID);
	CHECK(setitimer(ITIMER_VIRTUAL, &period, NULL) == 0);
	CHECK(setitimer(ITIMER_PROF, &period, NULL) == 0);
	CHECK(timer_create(CLOCK_PROCESS_CPUTIME_ID, &event, &timer) == 0);
	CHECK(timer_settime(timer, 0, &posix_period, NULL) == 0);
	do {
		int v = virtual_ticks, p = profile_ticks, x = posix_ticks;

		before = clock_us(CLOCK_PROCESS_CPUTIME_ID);
		usage_before = usage_us();
		while (virtual_ticks < v + 3 || profile_ticks < p + 3 || posix_ticks < x + 3)
			;
		cpu = clock_us(CLOCK_PROCESS_CPUTIME_ID);
		usage = usage_us();
		used = cpu - before;
		/* Three periods were used, by every clock; ticks may come late, but not out of nothing. */
		if (!forever) {
			CHECK(used >= 2 * PERIOD_US);
			CHECK(usage - usage_before >= PERIOD_US);
			/* What was used between two rounds may be ticked now. */
			CHECK(virtual_ticks <= (cpu - set) / PERIOD_US + 2);
			CHECK(profile_ticks <= (cpu - set) / PERIOD_US + 2);
			CHECK(clock() > 0 && times(NULL) != (clock_t)-1);
		}
	} while (another_round());
	return pass();
}

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Clocks are home's wherever the process is: they never go back, read in the vDSO or by a call; files are made when they say;
 * sleeping and waiting take at least as long as was asked for.
 */
#include "program.h"
#include <poll.h>
#include <semaphore.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

static const clockid_t clocks[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_MONOTONIC_RAW, CLOCK_TAI,
				    CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE,
				    CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID };
#define CLOCKS (sizeof clocks / sizeof *clocks)
/* CPU clocks are asked for at home. */
#define OWN (CLOCKS - 2)
/* The coarse clocks' steps. */
#define STEP 10000000

static int64_t ns(struct timespec time)
{
	return time.tv_sec * 1000000000ll + time.tv_nsec;
}

static int64_t now(clockid_t clock)
{
	struct timespec time;

	CHECK(clock_gettime(clock, &time) == 0);
	return ns(time);
}

static int64_t asked(clockid_t clock)
{
	struct timespec time;

	CHECK(syscall(SYS_clock_gettime, clock, &time) == 0);
	return ns(time);
}

static void days(void)
{
	struct timeval day;
	int64_t before = now(CLOCK_REALTIME);

	CHECK(gettimeofday(&day, NULL) == 0);
	CHECK(day.tv_sec * 1000000ll + day.tv_usec >= before / 1000);
	CHECK(syscall(SYS_gettimeofday, &day, NULL) == 0);
	CHECK(day.tv_sec * 1000000ll + day.tv_usec >= before / 1000);
	CHECK(syscall(SYS_time, NULL) >= (before - STEP) / 1000000000);

	/* In the vDSO, like the first. */
	time_t second, same = time(&second);

	CHECK(second == same && second >= (before - STEP) / 1000000000 && second <= now(CLOCK_REALTIME) / 1000000000);
	for (int i = 0; i < 2000; i++) {
		CHECK(time(NULL) >= second);
		second = time(NULL);
	}

	/* A file is made at home, at a time of the coarse clock. */
	char name[] = "/tmp/clocks-XXXXXX";
	int fd = mkstemp(name);
	struct stat made;

	CHECK(fd >= 0 && unlink(name) == 0 && fstat(fd, &made) == 0 && close(fd) == 0);
	int64_t after = now(CLOCK_REALTIME);

	if (ns(made.st_mtim) < before - STEP || ns(made.st_mtim) > after)
		fail("a file was made at %lld, between %lld and %lld", (long long)ns(made.st_mtim), (long long)before,
		     (long long)after);
}

/* As pthread_cond_timedwait and Python's locks do. */
static void wait_until_day(void)
{
	struct timespec until;
	int64_t before = now(CLOCK_MONOTONIC);
	sem_t never;

	CHECK(sem_init(&never, 0, 0) == 0 && clock_gettime(CLOCK_REALTIME, &until) == 0);
	int64_t end = ns(until) + 30000000;

	until.tv_sec = end / 1000000000;
	until.tv_nsec = end % 1000000000;
	CHECK(sem_timedwait(&never, &until) == -1 && errno == ETIMEDOUT);
	CHECK(now(CLOCK_REALTIME) >= end);
	int64_t took = now(CLOCK_MONOTONIC) - before;

	if (took > 60000000000)
		fail("30 ms took %lld ns", (long long)took);
}

static void nothing(int signal)
{
	(void)signal;
}

/* Until the last day that the kernel knows, or until a signal comes. */
static void wait_for_ever(void)
{
	const struct itimerval soon = { { 0, 50000 }, { 0, 50000 } }, off = { { 0, 0 }, { 0, 0 } };
	const struct sigaction interrupt = { .sa_handler = nothing };
	const struct timespec last_day = { INT64_MAX, 0 };
	sem_t never;

	CHECK(sem_init(&never, 0, 0) == 0 && sigaction(SIGALRM, &interrupt, NULL) == 0);
	CHECK(setitimer(ITIMER_REAL, &soon, NULL) == 0);
	CHECK(sem_timedwait(&never, &last_day) == -1 && errno == EINTR);
	CHECK(setitimer(ITIMER_REAL, &off, NULL) == 0 && signal(SIGALRM, SIG_IGN) != SIG_ERR);
}

int main(int argc, char **argv)
{
	int64_t last[CLOCKS] = { 0 };
	struct timespec ten_ms = { 0, 10000000 };

	start(argc, argv);
	do {
		for (int i = 0; i < 3000; i++)
			for (size_t c = 0; c < (i % 100 ? OWN : CLOCKS); c++) {
				int64_t time = i % 10 ? now(clocks[c]) : asked(clocks[c]);

				if (time < last[c])
					fail("clock %d went back by %lld ns", clocks[c], (long long)(last[c] - time));
				last[c] = time;
			}
		days();
		wait_until_day();
		wait_for_ever();
		int64_t before = now(CLOCK_MONOTONIC);

		CHECK(clock_nanosleep(CLOCK_MONOTONIC, 0, &ten_ms, NULL) == 0);
		CHECK(now(CLOCK_MONOTONIC) - before >= 10000000);
		before = now(CLOCK_MONOTONIC);
		CHECK(poll(NULL, 0, 20) == 0 && now(CLOCK_MONOTONIC) - before >= 20000000);
		before = now(CLOCK_MONOTONIC);
		struct timespec until = { before / 1000000000 , before % 1000000000 };

		until.tv_sec += 1;
		if (rounds_done % 8 == 0)
			CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == 0 &&
			      now(CLOCK_MONOTONIC) - before >= 1000000000);
	} while (another_round());
	return pass();
}

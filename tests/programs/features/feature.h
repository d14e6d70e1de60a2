/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the feature programs share. Each does one thing that a process may do, and checks itself that it
 * works, wherever the process is and however it is moved. It is run as
 *
 *     PROGRAM [-r ROUNDS] [-t MILLISECONDS | -u]
 *
 * and says, a line each:
 *
 *     ready         it is set up
 *     point N       a moment worth a move; it goes on when it gets a line, or at end of file
 *     busy N        the same, but what /proc shows of it may change meanwhile
 *     end           nothing is left but the verdict; it goes on as above
 *     PASS          exit status 0
 *     FAIL: reason  exit status 1
 *     SKIP: reason  exit status 77: this machine does not have what is to be shown
 *
 * With -t it does not stop at its points, and repeats its rounds for at least that time; with -u, until it gets
 * a line.
 *
 * The comment at the top of a program, `GROUP: what it does`, is its line in docs/semantics.md.
 */
#ifndef FEATURE_H
#define FEATURE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096ul
#define UNUSED __attribute__((unused))

static struct {
	/* What was asked for. */
	long rounds, milliseconds;
	int stops, until_told;
	/* How far it is. */
	long round, points;
	int64_t begun;
} run = { 3, 0, 1, 0, 0, 0, 0 };

/* Printed with one write and without stdio's buffer, which a child would have a copy of. */
__attribute__((format(printf, 1, 2)))
static void say(const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	int length = vsnprintf(text, sizeof text - 1, format, arguments);

	va_end(arguments);
	if (length > (int)sizeof text - 2)
		length = sizeof text - 2;
	text[length++] = '\n';
	if (write(1, text, length) != length)
		_exit(3);
}

__attribute__((format(printf, 1, 2), noreturn, unused))
static void fail(const char *format, ...)
{
	char text[400];
	int error = errno;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	say("FAIL: round %ld: %s (errno %d: %s)", run.round, text, error, strerror(error));
	_exit(1);
}

#define CHECK(condition) do { if (!(condition)) fail("line %d: %s", __LINE__, #condition); } while (0)

/* The same for a call that returns its error. */
#define CHECK_0(call) do { errno = (call); if (errno) fail("line %d: %s", __LINE__, #call); } while (0)

__attribute__((noreturn, unused))
static void skip(const char *reason)
{
	say("SKIP: %s", reason);
	_exit(77);
}

/* Nanoseconds of a clock. */
static int64_t time_of(clockid_t clock)
{
	struct timespec time;

	CHECK(clock_gettime(clock, &time) == 0);
	return time.tv_sec * 1000000000ll + time.tv_nsec;
}

/* Nanoseconds that never go back. */
static int64_t now(void)
{
	return time_of(CLOCK_MONOTONIC);
}

/* Reads the options; `optind` is behind them. */
static void begin(int argc, char **argv)
{
	int option;

	run.begun = now();
	while ((option = getopt(argc, argv, "+r:t:uc:")) != -1) {
		switch (option) {
		case 'r': run.rounds = atol(optarg); break;
		case 't': run.milliseconds = atol(optarg); run.stops = 0; break;
		case 'u': run.until_told = 1; run.stops = 0; break;
		/* How far it was before it executed itself, see `same_again`. */
		case 'c': CHECK(sscanf(optarg, "%ld:%ld:%ld", &run.round, &run.points, &run.begun) == 3); break;
		default: _exit(2);
		}
	}
}

UNUSED static void ready(void)
{
	say("ready");
}

static void await_line(void)
{
	char byte = 0;
	ssize_t got;

	do
		got = read(0, &byte, 1);
	while ((got == 1 && byte != '\n') || (got == -1 && errno == EINTR));
	CHECK(got >= 0);
}

static void stop_here(const char *kind)
{
	run.points++;
	if (run.stops) {
		say("%s %ld", kind, run.points);
		await_line();
	}
}

/* A moment worth a move, at which everything stands still. */
UNUSED static void point(void)
{
	stop_here("point");
}

/* A moment worth a move, at which other threads work or signals come. */
UNUSED static void busy_point(void)
{
	stop_here("busy");
}

/* Whether there is another round. */
UNUSED static int again(void)
{
	struct pollfd input = { .fd = 0, .events = POLLIN };
	int told;

	run.round++;
	if (!run.until_told)
		return run.round < run.rounds || now() - run.begun < run.milliseconds * 1000000;
	do
		told = poll(&input, 1, 0);
	while (told == -1 && errno == EINTR);
	CHECK(told >= 0);
	if (told)
		await_line();
	return !told;
}

/* The arguments with which a program goes on where it is when it executes itself. */
UNUSED static char **same_again(char *name)
{
	static char rounds[24], time[24], state[80];
	static char *arguments[5];

	snprintf(rounds, sizeof rounds, "-r%ld", run.rounds);
	snprintf(time, sizeof time, run.until_told ? "-u" : "-t%ld", run.milliseconds);
	snprintf(state, sizeof state, "-c%ld:%ld:%ld", run.round, run.points, run.begun);
	arguments[0] = name;
	arguments[1] = rounds;
	arguments[2] = state;
	arguments[3] = run.stops ? NULL : time;
	return arguments;
}

/* The end of `main`, for its return value. */
UNUSED static int pass(void)
{
	say("end");
	await_line();
	say("PASS");
	return 0;
}

/* --------------------------------------------------------------------------------------- often needed */

UNUSED static void nap(long milliseconds)
{
	struct timespec time = { milliseconds / 1000, milliseconds % 1000 * 1000000 };

	while (nanosleep(&time, &time) == -1)
		CHECK(errno == EINTR);
}

/* Waits for something that must happen soon. */
#define AWAIT(condition) do { \
	for (int tries = 0; !(condition); tries++) { \
		if (tries == 20000) \
			fail("line %d: in vain: %s", __LINE__, #condition); \
		nap(1); \
	} \
} while (0)

/* Computes, without a call for some thousand steps at a time, until it has used so much CPU time. */
UNUSED static void burn(long milliseconds)
{
	int64_t until = time_of(CLOCK_THREAD_CPUTIME_ID) + milliseconds * 1000000;
	static volatile double x = 1;

	do
		for (int i = 0; i < 20000; i++)
			x = x * 1.0000001;
	while (time_of(CLOCK_THREAD_CPUTIME_ID) < until);
}

UNUSED static void handle(int signal, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	CHECK(sigaction(signal, &action, NULL) == 0);
}

UNUSED static void handle_info(int signal, void (*handler)(int, siginfo_t *, void *), int flags)
{
	struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags };

	CHECK(sigaction(signal, &action, NULL) == 0);
}

/* A set of one signal. */
UNUSED static sigset_t only(int signal)
{
	sigset_t set;

	sigemptyset(&set);
	CHECK(sigaddset(&set, signal) == 0);
	return set;
}

UNUSED static void block(int signal)
{
	sigset_t set = only(signal);

	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
}

UNUSED static void unblock(int signal)
{
	sigset_t set = only(signal);

	CHECK(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0);
}

/* fork() that must succeed. */
UNUSED static pid_t split(void)
{
	pid_t child = fork();

	CHECK(child >= 0);
	return child;
}

/* Waits for a child; the status as wait() gives it. */
UNUSED static int status_of(pid_t child)
{
	int status;
	pid_t found;

	do
		found = waitpid(child, &status, 0);
	while (found == -1 && errno == EINTR);
	if (found != child)
		fail("waitpid(%d) is %d", child, found);
	return status;
}

/* Waits for a child that exits; with what. */
UNUSED static int exit_of(pid_t child)
{
	int status = status_of(child);

	if (!WIFEXITED(status))
		fail("the child's status is %#x", status);
	return WEXITSTATUS(status);
}

/* A pipe between related processes: each end says or hears single bytes. */
UNUSED static void tell(int fd, char byte)
{
	CHECK(write(fd, &byte, 1) == 1);
}

UNUSED static char hear(int fd)
{
	char byte;
	ssize_t got;

	do
		got = read(fd, &byte, 1);
	while (got == -1 && errno == EINTR);
	if (got != 1)
		fail("nothing to hear: %zd", got);
	return byte;
}

/* This program's own path. */
UNUSED static const char *self(void)
{
	static char path[256];
	ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);

	CHECK(length > 0);
	path[length] = 0;
	return path;
}

/* An address as a pointer, without the compiler's knowing that nothing is there. */
__attribute__((noinline, unused))
static void *address(unsigned long value)
{
	asm volatile("" : "+r"(value));
	return (void *)value;
}

/* A file without a name, for reading and writing. */
UNUSED static int nameless_file(void)
{
	char name[] = "/tmp/feature.XXXXXX";
	int fd = mkstemp(name);

	CHECK(fd >= 0 && unlink(name) == 0);
	return fd;
}

/* The next number of a sequence that looks random (splitmix64). */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

UNUSED static void fill(void *where, size_t bytes, uint64_t seed)
{
	for (size_t i = 0; i < bytes / 8; i++)
		((uint64_t *)where)[i] = next_random(&seed);
}

/* Whether memory holds what `fill` put there. */
UNUSED static int is_filled(const void *where, size_t bytes, uint64_t seed)
{
	for (size_t i = 0; i < bytes / 8; i++)
		if (((const uint64_t *)where)[i] != next_random(&seed))
			return 0;
	return 1;
}

#endif

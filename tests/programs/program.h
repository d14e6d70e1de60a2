/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the test programs share. Each is run as
 *
 *     PROGRAM [-p FILE] [-r ROUNDS] [-m MEGABYTES] [-w WORKERS]
 *
 * and repeats a round of work that checks itself: ROUNDS times, or, with -p alone, until FILE.stop exists.
 * After every round the number of rounds so far stands in FILE, so that a test can wait for progress
 * without a clock. At the end it prints PASS and exits 0; what is wrong it says on stderr and exits 1.
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct options {
	const char *progress;
	long rounds;
	long megabytes;
	long workers;
};

static struct options options = { NULL, 0, 8, 4 };
static long rounds_done;
static int progress_fd = -1;

__attribute__((format(printf, 1, 2), noreturn, unused))
static void fail(const char *format, ...)
{
	int error = errno;
	va_list arguments;

	fprintf(stderr, "%s: round %ld: ", program_invocation_short_name, rounds_done);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fprintf(stderr, " (errno %d: %s)\n", error, strerror(error));
	exit(1);
}

#define CHECK(condition) do { if (!(condition)) fail("line %d: %s", __LINE__, #condition); } while (0)

__attribute__((unused))
static void start(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "p:r:m:w:")) != -1) {
		switch (option) {
		case 'p': options.progress = optarg; break;
		case 'r': options.rounds = atol(optarg); break;
		case 'm': options.megabytes = atol(optarg); break;
		case 'w': options.workers = atol(optarg); break;
		default: exit(2);
		}
	}
	if (!options.progress && !options.rounds)
		options.rounds = 3;
	if (options.progress) {
		progress_fd = open(options.progress, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		if (progress_fd < 0)
			fail("cannot create %s", options.progress);
	}
}

/* Says that a round is done; false after the last one. */
__attribute__((unused))
static int another_round(void)
{
	char text[4096];

	rounds_done++;
	if (options.progress) {
		int length = snprintf(text, sizeof text, "%ld\n", rounds_done);

		if (pwrite(progress_fd, text, length, 0) != length)
			fail("cannot write %s", options.progress);
		snprintf(text, sizeof text, "%s.stop", options.progress);
		if (access(text, F_OK) == 0)
			return 0;
	}
	return !options.rounds || rounds_done < options.rounds;
}

__attribute__((unused))
static int pass(void)
{
	puts("PASS");
	return fflush(stdout) ? 1 : 0;
}

/* The next number of a sequence that looks random (splitmix64). */
__attribute__((unused))
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

__attribute__((unused))
static void fill(void *where, size_t bytes, uint64_t seed)
{
	for (size_t i = 0; i < bytes / 8; i++)
		((uint64_t *)where)[i] = next_random(&seed);
}

/* Whether memory holds what `fill` put there. */
__attribute__((unused))
static int is_filled(const void *where, size_t bytes, uint64_t seed)
{
	for (size_t i = 0; i < bytes / 8; i++)
		if (((const uint64_t *)where)[i] != next_random(&seed))
			return 0;
	return 1;
}

#endif

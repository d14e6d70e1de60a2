/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Makes system calls that a process is at home for, as it is told by lines of its standard input:
 *
 *     call N       so many of them; says `called N`
 *     thread       the same, once, by another thread than the first; says `called`
 *     memory N     uses N MiB from now on; says `has N`
 *     pages N      uses N MiB, and finds that they are in memory; says `seen N`
 *     write        writes to a file that it has mapped; says `written`
 *     wait         one that goes on until somebody reads from descriptor 3; says `waited`
 *
 * At the end of the input it says PASS. What goes wrong it says as the other programs do.
 */
#include "program.h"
#include <pthread.h>
#include <sys/mman.h>
#include <sys/uio.h>

#define PAGE 4096

static char page[PAGE] __attribute__((aligned(PAGE))), copy[PAGE];
static int ends[2];

/* Gives a page to the pipe: its content at the time is what is read later. */
static void call(void)
{
	struct iovec part = { page, PAGE };
	static uint64_t seed;

	fill(page, PAGE, ++seed);
	CHECK(vmsplice(ends[1], &part, 1, 0) == PAGE);
	CHECK(read(ends[0], copy, PAGE) == PAGE && is_filled(copy, PAGE, seed));
}

static void *call_in_thread(void *argument)
{
	call();
	return argument;
}

static void wait_in_call(void)
{
	struct iovec part = { page, PAGE };

	CHECK(fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0);
	while (write(ends[1], page, PAGE) == PAGE)
		;
	CHECK(errno == EAGAIN && fcntl(ends[1], F_SETFL, 0) == 0);
	CHECK(vmsplice(ends[1], &part, 1, 0) == PAGE);
	CHECK(fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
	while (read(ends[0], copy, PAGE) > 0)
		;
	CHECK(errno == EAGAIN && fcntl(ends[0], F_SETFL, 0) == 0);
}

/* In bytes, as /proc/self/smaps_rollup has it. */
static long resident(void)
{
	FILE *file = fopen("/proc/self/smaps_rollup", "r");
	char line[128];
	long kb = -1;

	CHECK(file);
	while (kb < 0 && fgets(line, sizeof line, file))
		sscanf(line, "Rss: %ld kB", &kb);
	fclose(file);
	CHECK(kb >= 0);
	return kb << 10;
}

static void look_at_pages(long bytes)
{
	char *memory = malloc(bytes);
	long seen;

	CHECK(memory);
	fill(memory, bytes, bytes);
	seen = resident();
	if (seen < bytes)
		fail("it uses %ld bytes, and %ld are in memory", bytes, seen);
	CHECK(is_filled(memory, bytes, bytes));
	free(memory);
}

static void write_to_mapped(void)
{
	static char name[] = "/tmp/errands.XXXXXX", *map;
	static int fd;
	static char round = 'a';

	if (!map) {
		fd = mkstemp(name);
		CHECK(fd >= 0 && unlink(name) == 0 && ftruncate(fd, PAGE) == 0);
		map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		CHECK(map != MAP_FAILED);
	}
	map[1] = ++round;
	CHECK(pwrite(fd, &round, 1, 0) == 1);
	CHECK(map[0] == round && map[1] == round);
}

int main(void)
{
	char line[64];
	pthread_t thread;
	long n;

	CHECK(pipe(ends) == 0 && ends[0] == 3);
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	while (fgets(line, sizeof line, stdin)) {
		if (sscanf(line, "call %ld", &n) == 1) {
			for (long i = 0; i < n; i++)
				call();
			printf("called %ld\n", n);
		} else if (sscanf(line, "memory %ld", &n) == 1) {
			char *memory = malloc(n << 20);

			CHECK(memory);
			fill(memory, n << 20, n);
			printf("has %ld\n", n);
		} else if (sscanf(line, "pages %ld", &n) == 1) {
			look_at_pages(n << 20);
			printf("seen %ld\n", n);
		} else if (!strcmp(line, "thread\n")) {
			CHECK(pthread_create(&thread, NULL, call_in_thread, NULL) == 0);
			CHECK(pthread_join(thread, NULL) == 0);
			puts("called");
		} else if (!strcmp(line, "write\n")) {
			write_to_mapped();
			puts("written");
		} else if (!strcmp(line, "wait\n")) {
			wait_in_call();
			puts("waited");
		} else {
			fail("what is `%s`?", line);
		}
	}
	return pass();
}

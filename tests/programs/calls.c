/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How long a call takes: `calls KIND COUNT` makes COUNT calls and prints the nanoseconds they took. KIND is
 * lseek (needs home, no memory), pread (needs home, 4 KB come back), yield (local), compute (no call), fork (a child that ends
 * at once is waited for), exec (a child that executes a program that ends at once).
 */
#include "program.h"
#include <sched.h>
#include <sys/wait.h>
#include <time.h>

static void child(int executes)
{
	int status;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (!pid) {
		if (executes)
			execl("/proc/self/exe", "calls", "nothing", NULL);
		_exit(executes);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(status == 0);
}

int main(int argc, char **argv)
{
	struct timespec before, after;
	static char buffer[4096];
	volatile double x = 1;

	if (argc == 2 && !strcmp(argv[1], "nothing"))
		return 0;
	if (argc != 3)
		fail("usage: calls KIND COUNT");
	long count = atol(argv[2]);
	int fd = open("/proc/self/exe", O_RDONLY);

	CHECK(fd >= 0);
	/* Once for what the first time costs. */
	for (int warm = 1; warm >= 0; warm--) {
		CHECK(clock_gettime(CLOCK_MONOTONIC, &before) == 0);
		for (long i = 0; i < (warm ? 1 + count / 10 : count); i++)
			if (!strcmp(argv[1], "lseek"))
				CHECK(lseek(fd, i & 1023, SEEK_SET) == (i & 1023));
			else if (!strcmp(argv[1], "pread"))
				CHECK(pread(fd, buffer, sizeof buffer, 0) == sizeof buffer);
			else if (!strcmp(argv[1], "yield"))
				CHECK(sched_yield() == 0);
			else if (!strcmp(argv[1], "fork"))
				child(0);
			else if (!strcmp(argv[1], "exec"))
				child(1);
			else
				for (int j = 0; j < 1000; j++)
					x = x * 1.0000001;
		CHECK(clock_gettime(CLOCK_MONOTONIC, &after) == 0);
	}
	printf("%lld\n", (after.tv_sec - before.tv_sec) * 1000000000ll + after.tv_nsec - before.tv_nsec);
	return 0;
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* threads: a thread that is not the first executes a program: the others end, the pid stays */
#include "feature.h"
#include <pthread.h>

static int up[2];

static void *idle(void *argument)
{
	for (;;)
		pause();
	return argument;
}

static void *execute(void *argument)
{
	char number[16];

	snprintf(number, sizeof number, "%d", getpid());
	CHECK(gettid() != getpid());
	tell(up[1], 'u');
	hear(*(int *)argument);
	execl(self(), "x", "child", number, NULL);
	fail("exec");
}

int main(int argc, char **argv)
{
	int there[2];

	if (argc > 2 && !strcmp(argv[1], "child"))
		return getpid() == atoi(argv[2]) && gettid() == getpid() ? 33 : 1;
	begin(argc, argv);
	CHECK(pipe(up) == 0 && pipe(there) == 0);
	ready();
	do {
		pid_t child = split();

		if (!child) {
			pthread_t thread;

			CHECK_0(pthread_create(&thread, NULL, idle, NULL));
			CHECK_0(pthread_create(&thread, NULL, execute, &there[0]));
			idle(NULL);
		}
		hear(up[0]);
		point();
		tell(there[1], 'x');
		CHECK(exit_of(child) == 33);
	} while (again());
	return pass();
}

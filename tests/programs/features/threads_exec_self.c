/* SPDX-License-Identifier: GPL-2.0-only */
/* threads: the process itself, with several threads, executes itself from one of them */
#include "feature.h"
#include <pthread.h>

static char *name;

static void *idle(void *argument)
{
	for (;;)
		pause();
	return argument;
}

static void *execute(void *argument)
{
	execv(self(), same_again(name));
	fail("exec");
	return argument;
}

int main(int argc, char **argv)
{
	char number[16];
	pthread_t thread;

	begin(argc, argv);
	if (run.round == 0) {
		snprintf(number, sizeof number, "%d", getpid());
		CHECK(setenv("OLD_PID", number, 1) == 0);
		ready();
	}
	CHECK(getpid() == atoi(getenv("OLD_PID")) && gettid() == getpid());
	CHECK_0(pthread_create(&thread, NULL, idle, NULL));
	point();
	if (!again())
		return pass();
	name = argv[0];
	CHECK_0(pthread_create(&thread, NULL, execute, NULL));
	idle(NULL);
}

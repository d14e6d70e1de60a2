/* SPDX-License-Identifier: GPL-2.0-only */
/* threads: the process itself, with several threads, executes itself from one of them */
#include "feature.h"
#include <pthread.h>

static char **arguments;

static void *idle(void *argument)
{
	for (;;)
		pause();
	return argument;
}

static void *execute(void *argument)
{
	execv(self(), arguments);
	fail("exec");
	return argument;
}

int main(int argc, char **argv)
{
	char rounds[24], state[64], milliseconds[24], parent[16];
	char *next[] = { argv[0], rounds, state, milliseconds, NULL };
	pthread_t thread;

	begin(argc, argv);
	if (run.round == 0) {
		snprintf(parent, sizeof parent, "%d", getpid());
		CHECK(setenv("OLD_PID", parent, 1) == 0);
		ready();
	}
	CHECK(getpid() == atoi(getenv("OLD_PID")) && gettid() == getpid());
	CHECK_0(pthread_create(&thread, NULL, idle, NULL));
	point();
	if (!again())
		return pass();
	snprintf(rounds, sizeof rounds, "-r%ld", run.rounds);
	snprintf(state, sizeof state, "-c%ld:%ld:%ld", run.round, run.points, run.begun);
	snprintf(milliseconds, sizeof milliseconds, "-t%ld", run.milliseconds);
	if (run.stops)
		next[3] = NULL;
	arguments = next;
	CHECK_0(pthread_create(&thread, NULL, execute, NULL));
	idle(NULL);
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* threads: exit of one thread ends all of them, whatever they wait in; so does a fatal signal to one */
#include "feature.h"
#include <pthread.h>

static int up[2], never[2];

static void *wait_in_read(void *argument)
{
	tell(up[1], 'r');
	hear(never[0]);
	return argument;
}

static void *compute(void *argument)
{
	tell(up[1], 'c');
	for (volatile unsigned long i = 0;; i++)
		;
	return argument;
}

static void *end_it(void *argument)
{
	int *from = argument;

	tell(up[1], 'e');
	if (hear(*from) == 'e')
		exit(77);
	CHECK(tgkill(getpid(), gettid(), SIGTERM) == 0);
	return argument;
}

int main(int argc, char **argv)
{
	int there[2];

	begin(argc, argv);
	CHECK(pipe(up) == 0 && pipe(there) == 0 && pipe(never) == 0);
	ready();
	do {
		for (const char *how = "es"; *how; how++) {
			pid_t child = split();

			if (!child) {
				pthread_t thread;

				CHECK_0(pthread_create(&thread, NULL, wait_in_read, NULL));
				CHECK_0(pthread_create(&thread, NULL, compute, NULL));
				CHECK_0(pthread_create(&thread, NULL, end_it, &there[0]));
				for (;;)
					pause();
			}
			for (int i = 0; i < 3; i++)
				hear(up[0]);
			if (*how == 'e')
				point();
			tell(there[1], *how);
			int status = status_of(child);

			if (*how == 'e')
				CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 77);
			else
				CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
		}
	} while (again());
	return pass();
}

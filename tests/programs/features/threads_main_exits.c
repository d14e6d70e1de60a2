/* SPDX-License-Identifier: GPL-2.0-only */
/* threads: the first thread ends, the others go on, and the last word is theirs */
#include "feature.h"
#include <pthread.h>

static int there[2], back[2];

static void *go_on(void *argument)
{
	pid_t pid = getpid();
	char state = 0, line[256];

	/* Until the first thread is a zombie. */
	while (state != 'Z') {
		FILE *stat = fopen("/proc/self/stat", "r");

		CHECK(stat && fgets(line, sizeof line, stat) && fclose(stat) == 0);
		state = strrchr(line, ')')[2];
	}
	tell(back[1], 'z');
	hear(there[0]);
	CHECK(getpid() == pid && kill(pid, 0) == 0);
	exit(argument == &there ? 21 : 1);
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	CHECK(pipe(there) == 0 && pipe(back) == 0);
	ready();
	do {
		pid_t child = split();
		int status;

		if (!child) {
			pthread_t thread;

			CHECK_0(pthread_create(&thread, NULL, go_on, &there));
			pthread_exit(NULL);
		}
		hear(back[0]);
		CHECK(waitpid(child, &status, WNOHANG) == 0);
		point();
		tell(there[1], 'x');
		CHECK(exit_of(child) == 21);
	} while (again());
	return pass();
}

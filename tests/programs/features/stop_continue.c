/* SPDX-License-Identifier: GPL-2.0-only */
/* signals: the process is stopped and continued from outside, and handles SIGTSTP and SIGCONT itself */
#include "feature.h"

static volatile int continued, asked;

static void on_cont(int signal) { (void)signal; continued++; }
static void on_tstp(int signal) { (void)signal; asked++; }

/* The state of a process as /proc shows it. */
static char state_of(pid_t pid)
{
	char path[32], line[256];

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	FILE *stat = fopen(path, "r");

	CHECK(stat && fgets(line, sizeof line, stat) && fclose(stat) == 0);
	return strrchr(line, ')')[2];
}

int main(int argc, char **argv)
{
	int there[2];

	begin(argc, argv);
	CHECK(pipe(there) == 0);
	handle(SIGCONT, on_cont, SA_RESTART);
	handle(SIGTSTP, on_tstp, SA_RESTART);
	ready();
	do {
		continued = asked = 0;
		pid_t parent = getpid(), child = split();

		if (!child) {
			hear(there[0]);
			CHECK(kill(parent, SIGTSTP) == 0);
			/* Stopping discards what is pending of continuing, and the other way round. */
			hear(there[0]);
			for (int i = 0; i < 2; i++) {
				CHECK(kill(parent, SIGSTOP) == 0);
				AWAIT(state_of(parent) == 'T');
				nap(5);
				CHECK(state_of(parent) == 'T');
				CHECK(kill(parent, SIGCONT) == 0);
				hear(there[0]);
			}
			_exit(9);
		}
		point();
		tell(there[1], 'x');
		/* Stopped while computing, calling and waiting, as it comes. */
		for (int told = 0; told < 3;) {
			burn(1);
			getppid();
			if (asked + continued > told) {
				tell(there[1], 'x');
				told++;
			}
		}
		CHECK(exit_of(child) == 9);
		CHECK(asked == 1 && continued == 2);
	} while (again());
	return pass();
}

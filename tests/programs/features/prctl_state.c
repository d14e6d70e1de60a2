/* SPDX-License-Identifier: GPL-2.0-only */
/* identity: what prctl sets: name, timer slack, keep-capabilities, dumpable, no_new_privs, subreaper */
#include "feature.h"
#include <sys/prctl.h>

int main(int argc, char **argv)
{
	char name[16], line[32];

	begin(argc, argv);
	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	ready();
	do {
		int subreaper = 0;

		snprintf(line, sizeof line, "round %ld", run.round);
		CHECK(prctl(PR_SET_NAME, line) == 0 && prctl(PR_SET_TIMERSLACK, 60000 + run.round) == 0);
		CHECK(prctl(PR_SET_KEEPCAPS, run.round & 1) == 0 && prctl(PR_SET_DUMPABLE, 1 - (run.round & 1)) == 0);
		CHECK(prctl(PR_SET_CHILD_SUBREAPER, run.round & 1) == 0);
		point();
		CHECK(prctl(PR_GET_NAME, name) == 0 && !strcmp(name, line));
		CHECK(prctl(PR_GET_TIMERSLACK) == 60000 + run.round);
		CHECK(prctl(PR_GET_KEEPCAPS) == (run.round & 1) && prctl(PR_GET_DUMPABLE) == 1 - (run.round & 1));
		CHECK(prctl(PR_GET_CHILD_SUBREAPER, &subreaper) == 0 && subreaper == (run.round & 1));
		CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 && prctl(PR_GET_SECCOMP) == 0);
		CHECK(prctl(PR_CAPBSET_READ, 0) >= 0);
		FILE *comm = fopen("/proc/self/comm", "r");

		CHECK(comm && fgets(line, sizeof line, comm) && fclose(comm) == 0);
		CHECK(!strncmp(line, name, strlen(name)) && line[strlen(name)] == '\n');
		comm = fopen("/proc/self/comm", "w");
		CHECK(comm && fputs("by file", comm) >= 0 && fclose(comm) == 0);
		CHECK(prctl(PR_GET_NAME, name) == 0 && !strcmp(name, "by file"));
		CHECK(prctl(PR_SET_DUMPABLE, 1) == 0);
	} while (again());
	return pass();
}

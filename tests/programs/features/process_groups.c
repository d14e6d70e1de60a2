/* SPDX-License-Identifier: GPL-2.0-only */
/* life: process groups: made by parent and child, signalled and waited for as one */
#include "feature.h"

#define MEMBERS 3

int main(int argc, char **argv)
{
	int up[2], status;

	begin(argc, argv);
	CHECK(pipe(up) == 0);
	ready();
	do {
		pid_t leader = 0, own = getpgrp(), members[MEMBERS];

		for (int i = 0; i < MEMBERS; i++) {
			pid_t child = split();

			if (!child) {
				/* Both do it, so that neither must wait for the other. */
				CHECK(setpgid(0, leader) == 0);
				tell(up[1], 'u');
				for (;;)
					pause();
			}
			CHECK(setpgid(child, leader) == 0);
			members[i] = child;
			leader = leader ? leader : child;
		}
		for (int i = 0; i < MEMBERS; i++) {
			hear(up[0]);
			CHECK(getpgid(members[i]) == leader);
		}
		CHECK(getpgrp() == own && own != leader);
		CHECK(waitpid(-leader, &status, WNOHANG) == 0);
		CHECK(waitpid(-own, &status, WNOHANG) == -1 && errno == ECHILD);
		point();
		CHECK(killpg(leader, SIGUSR1) == 0);
		for (int i = 0; i < MEMBERS; i++) {
			pid_t ended = waitpid(-leader, &status, 0);

			CHECK(ended > 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1);
		}
		CHECK(killpg(leader, SIGUSR1) == -1 && errno == ESRCH);
		CHECK(setpgid(0, 1) == -1 && errno == EPERM);
	} while (again());
	return pass();
}

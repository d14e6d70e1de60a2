/* SPDX-License-Identifier: GPL-2.0-only */
/* life: zombies stay until they are waited for, in any order; ignored children leave none */
#include "feature.h"

#define CHILDREN 8

int main(int argc, char **argv)
{
	siginfo_t info;
	int status;

	begin(argc, argv);
	ready();
	do {
		pid_t children[CHILDREN];

		for (int i = 0; i < CHILDREN; i++)
			if ((children[i] = split()) == 0)
				_exit(100 + i);
		for (int i = 0; i < CHILDREN; i++) {
			CHECK(waitid(P_PID, children[i], &info, WEXITED | WNOWAIT) == 0);
			CHECK(info.si_pid == children[i] && info.si_status == 100 + i && info.si_code == CLD_EXITED);
		}
		point();
		for (int i = CHILDREN - 1; i >= 0; i--) {
			CHECK(kill(children[i], 0) == 0);
			CHECK(exit_of(children[i]) == 100 + i);
			CHECK(kill(children[i], 0) == -1 && errno == ESRCH);
		}
		/* Nobody wants to know. */
		for (int flags = 0; flags < 2; flags++) {
			handle(SIGCHLD, flags ? SIG_DFL : SIG_IGN, flags ? SA_NOCLDWAIT : 0);
			for (int i = 0; i < 2; i++)
				if (split() == 0)
					_exit(1);
			CHECK(wait(&status) == -1 && errno == ECHILD);
		}
		handle(SIGCHLD, SIG_DFL, 0);
	} while (again());
	return pass();
}

/* SPDX-License-Identifier: GPL-2.0-only */
/* life: PR_SET_PDEATHSIG: a child hears that its parent has died */
#include "feature.h"
#include <sys/prctl.h>

static volatile sig_atomic_t heard;

static void on_usr1(int signal) { (void)signal; heard++; }

int main(int argc, char **argv)
{
	int back[2], there[2];

	begin(argc, argv);
	CHECK(pipe(back) == 0 && pipe(there) == 0 && prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	ready();
	do {
		pid_t middle = split();

		if (!middle) {
			pid_t last = split();

			if (!last) {
				int signal = 0;

				handle(SIGUSR1, on_usr1, 0);
				CHECK(prctl(PR_SET_PDEATHSIG, SIGUSR1) == 0);
				CHECK(prctl(PR_GET_PDEATHSIG, &signal) == 0 && signal == SIGUSR1);
				tell(back[1], 'u');
				while (!heard)
					nap(1);
				tell(back[1], 'd');
				_exit(4);
			}
			hear(there[0]);
			_exit(2);
		}
		CHECK(hear(back[0]) == 'u');
		point();
		tell(there[1], 'x');
		CHECK(exit_of(middle) == 2 && hear(back[0]) == 'd');
		int status;

		CHECK(wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 4);
	} while (again());
	return pass();
}

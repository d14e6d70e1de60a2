/* SPDX-License-Identifier: GPL-2.0-only */
/* life: clone without a thread: shared descriptor table and working directory, other exit signal, tid words */
#include "feature.h"
#include <linux/sched.h>
#include <sys/stat.h>

static volatile sig_atomic_t heard;

static void on_usr1(int signal) { (void)signal; heard++; }

static pid_t raw_clone(unsigned long flags, pid_t *parent_word, pid_t *child_word)
{
	pid_t child = syscall(SYS_clone, flags, 0, parent_word, child_word, 0);

	CHECK(child >= 0);
	return child;
}

int main(int argc, char **argv)
{
	int there[2], back[2], status;

	begin(argc, argv);
	handle(SIGUSR1, on_usr1, SA_RESTART);
	CHECK(pipe(there) == 0 && pipe(back) == 0);
	ready();
	do {
		pid_t told = 0, own = 0;

		CHECK(chdir("/") == 0);
		umask(022);
		heard = 0;
		pid_t child = raw_clone(CLONE_FILES | CLONE_FS | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGUSR1,
					&told, &own);

		if (!child) {
			CHECK(own == (pid_t)syscall(SYS_getpid));
			CHECK(dup2(there[0], 60) == 60 && chdir("/tmp") == 0);
			umask(077);
			tell(back[1], 'x');
			hear(there[0]);
			/* The parent closed it for both. */
			CHECK(fcntl(60, F_GETFD) == -1 && errno == EBADF);
			_exit(8);
		}
		char place[64];

		hear(back[0]);
		CHECK(told == child && own == 0);
		point();
		CHECK(getcwd(place, sizeof place) && !strcmp(place, "/tmp") && umask(077) == 077);
		CHECK(fcntl(60, F_GETFD) == 0 && close(60) == 0);
		tell(there[1], 'x');
		/* Not SIGCHLD, so it is no ordinary child. */
		while (!heard)
			nap(1);
		CHECK(waitpid(child, &status, WNOHANG) == -1 && errno == ECHILD);
		CHECK(waitpid(child, &status, __WCLONE) == child && WEXITSTATUS(status) == 8 && heard == 1);
	} while (again());
	return pass();
}

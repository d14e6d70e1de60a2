/* SPDX-License-Identifier: GPL-2.0-only */
/* life: a process executes itself again and again: pid, files, mask, pending and ignored signals, umask stay */
#include "feature.h"
#include <sys/stat.h>

static void handler(int signal) { (void)signal; }

/* What must be so in each program but the first. */
static void check_inheritance(void)
{
	struct sigaction action;
	sigset_t set;

	CHECK(getpid() == atoi(getenv("OLD_PID")) && getppid() == atoi(getenv("OLD_PARENT")));
	CHECK(lseek(50, 0, SEEK_CUR) == 10 * run.round);
	CHECK(fcntl(51, F_GETFD) == -1 && errno == EBADF);
	CHECK(sigaction(SIGUSR1, NULL, &action) == 0 && action.sa_handler == SIG_IGN);
	CHECK(sigaction(SIGUSR2, NULL, &action) == 0 && action.sa_handler == SIG_DFL);
	CHECK(sigprocmask(SIG_BLOCK, NULL, &set) == 0 && sigismember(&set, SIGTERM) && !sigismember(&set, SIGHUP));
	CHECK(sigpending(&set) == 0 && sigismember(&set, SIGTERM));
	CHECK(umask(026) == 026);
}

static void set_up(void)
{
	char text[16];
	int fd = nameless_file();

	CHECK(dup2(fd, 50) == 50 && close(fd) == 0);
	handle(SIGUSR1, SIG_IGN, 0);
	block(SIGTERM);
	CHECK(raise(SIGTERM) == 0);
	umask(026);
	snprintf(text, sizeof text, "%d", getpid());
	CHECK(setenv("OLD_PID", text, 1) == 0);
	snprintf(text, sizeof text, "%d", getppid());
	CHECK(setenv("OLD_PARENT", text, 1) == 0);
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	if (run.round == 0) {
		set_up();
		ready();
	} else {
		check_inheritance();
	}
	point();
	if (!again())
		return pass();
	CHECK(write(50, "0123456789", 10) == 10);
	CHECK(dup3(50, 51, O_CLOEXEC) == 51);
	handle(SIGUSR2, handler, 0);
	execv(self(), same_again(argv[0]));
	fail("exec");
}

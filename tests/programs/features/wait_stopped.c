/* SPDX-License-Identifier: GPL-2.0-only */
/* life: a parent hears of children that stop and continue (WUNTRACED, WCONTINUED, SIGCHLD codes) */
#include "feature.h"

static volatile int code, sender;

static void on_child(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)context;
	code = info->si_code;
	sender = info->si_pid;
}

int main(int argc, char **argv)
{
	int status;
	siginfo_t info;

	begin(argc, argv);
	handle_info(SIGCHLD, on_child, SA_RESTART);
	ready();
	do {
		pid_t child = split();

		if (!child)
			for (;;)
				pause();
		/* A group whose parent is outside: it can be stopped by SIGTSTP. */
		CHECK(setpgid(child, child) == 0);
		CHECK(kill(child, SIGSTOP) == 0);
		CHECK(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
		AWAIT(code == CLD_STOPPED && sender == child);
		CHECK(waitpid(child, &status, WUNTRACED | WNOHANG) == 0);
		point();
		CHECK(kill(child, SIGCONT) == 0);
		CHECK(waitid(P_PID, child, &info, WCONTINUED) == 0);
		CHECK(info.si_pid == child && info.si_code == CLD_CONTINUED && info.si_status == SIGCONT);
		AWAIT(code == CLD_CONTINUED);
		CHECK(kill(child, SIGTSTP) == 0);
		CHECK(waitpid(child, &status, WUNTRACED) == child && WSTOPSIG(status) == SIGTSTP);
		CHECK(kill(child, SIGKILL) == 0);
		status = status_of(child);
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		AWAIT(code == CLD_KILLED);
	} while (again());
	return pass();
}
